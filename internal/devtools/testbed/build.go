package testbed

import (
	"context"
	"fmt"
	"os/exec"
)

// Build makes the service as it stands in this tree: the file that a test then runs.
func Build(ctx context.Context, path string) error {
	output, err := exec.CommandContext(ctx, "go", "build", "-o", path, "sespan/cmd/sespan").CombinedOutput() //nolint:gosec // of tests
	if err != nil {
		return fmt.Errorf("build %s: %w: %s", path, err, output)
	}
	return nil
}
