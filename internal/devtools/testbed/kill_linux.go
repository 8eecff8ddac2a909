package testbed

import (
	"os/exec"
	"syscall"
)

// KillWithParent has the kernel kill the program when this one is killed.
func KillWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
