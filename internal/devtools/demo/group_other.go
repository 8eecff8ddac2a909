//go:build unix && !linux

package demo

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps Ctrl-C from reaching a program before its turn.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func signalGroup(cmd *exec.Cmd, s syscall.Signal) {
	syscall.Kill(-cmd.Process.Pid, s) //nolint:errcheck // it has ended already
}
