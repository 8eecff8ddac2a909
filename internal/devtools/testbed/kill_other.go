//go:build !linux

package testbed

import "os/exec"

// KillWithParent does nothing elsewhere: a killed run leaves its programs running.
func KillWithParent(*exec.Cmd) {}
