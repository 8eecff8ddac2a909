package docscommands

import (
	"os"
	"testing"

	"sespan/internal/devtools/devdb"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	os.Exit(m.Run())
}
