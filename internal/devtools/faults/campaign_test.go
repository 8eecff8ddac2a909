package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/target"
	"sespan/internal/devtools/testbed"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestMailFaultsShort is the fault campaign in small: a bad SMTP server, workers
// killed, PostgreSQL crashed. No mail is lost, and there is no second copy of one
// whose answer arrived.
func TestMailFaultsShort(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	report := target.Report{}
	c := &campaign{Env: newEnv(t, &out), report: &report, mails: 600, length: 2500 * time.Millisecond}
	err := c.run(t.Context(), []phase{
		{name: "all at once", failures: failures{Rate: 0.02, CloseAfter: 20}, fault: killAndCrash},
		{name: "no CHUNKING", failures: failures{Rate: 0.02, CloseAfter: 20, WithoutChunking: true}, fault: killAndCrash},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	zeros := 0
	for _, f := range report.Figures {
		if f.Zero {
			zeros++
			if f.Value != 0 {
				t.Errorf("%s: %.0f\n%s", f.Name, f.Value, out.String())
			}
		}
	}
	if zeros != 4 {
		t.Errorf("%d counts of the campaign, want 4", zeros)
	}
	t.Log(out.String())
}

// newEnv is a server of its own and the service as it stands in this tree.
func newEnv(t *testing.T, out *bytes.Buffer) *testbed.Env {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sespan")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/sespan")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	e, err := testbed.New(t.Context(), testbed.Options{Out: out, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}
