package testbed

import (
	"context"
	"os/exec"
	"strings"
)

// Run runs a command of the binary with the settings of a service, to its end or ctx's. It
// gives what the command wrote, and its exit code; -1: it was killed.
func (e *Env) Run(ctx context.Context, settings []string, args ...string) (out, messages string, code int) {
	cmd := exec.CommandContext(ctx, e.Binary, args...) //nolint:gosec // the binary under test
	cmd.Env = append(e.environment(FreeAddress(), FreeAddress()), settings...)
	var o, m strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &m
	KillWithParent(cmd)
	if err := cmd.Run(); cmd.ProcessState == nil {
		return "", err.Error(), -1
	}
	return o.String(), m.String(), cmd.ProcessState.ExitCode()
}
