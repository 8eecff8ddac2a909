package demo

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps Ctrl-C from reaching a program before its turn, and ends it when
// the demonstration is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

func signalGroup(cmd *exec.Cmd, s syscall.Signal) {
	syscall.Kill(-cmd.Process.Pid, s) //nolint:errcheck // it has ended already
}
