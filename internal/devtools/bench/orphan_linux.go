package main

import (
	"os/exec"
	"syscall"
)

// dieTogether ends the program when this one is killed.
func dieTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
