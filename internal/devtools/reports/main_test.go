package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/testbed"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// What the service needs for its pages is given to them here as well: what is missing
// is met here, not by who wants to measure.
func TestPagesAreMeasured(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "sespan")
	require.NoError(t, testbed.Build(t.Context(), binary))
	var out strings.Builder
	err := run(t.Context(), []string{"-sespan", binary, "-small", "1000", "-rows", "1000", "-rounds", "1", "-only", "page"}, &out)
	require.NoError(t, err, out.String())
	assert.Contains(t, out.String(), "buffers")
	assert.NotContains(t, out.String(), "rows a second  0")
}
