package main

import (
	"bytes"
	"os"
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
	allZero(t, report, 4, &out)
}

// TestCountingFaultsShort is the campaign of counting in small: processes are killed
// under draws, cancellations and codes, once with their database sessions. Every
// answered draw is there once, the limit is met and no count differs.
func TestCountingFaultsShort(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	report := target.Report{}
	c := &counting{Env: newEnv(t, &out), report: &report, length: 4 * time.Second, uses: 25}
	if err := c.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	allZero(t, report, 7, &out)
	least := map[string]float64{
		"draws answered under faults": 100, "of them cancelled": 10, "codes asked for": 10, "processes killed, or their database sessions": 4,
		"winners of the tier with a limit": 10,
	}
	for _, f := range report.Figures {
		if f.Value < least[f.Name] {
			t.Errorf("%s: %.0f, which shows little\n%s", f.Name, f.Value, out.String())
		}
	}
}

// allZero fails the test where a count that must be zero is not.
func allZero(t *testing.T, report target.Report, counts int, out *bytes.Buffer) {
	t.Helper()
	report.Print(out)
	zeros := 0
	for _, f := range report.Figures {
		if f.Zero {
			zeros++
			if f.Value != 0 {
				t.Errorf("%s: %.0f\n%s", f.Name, f.Value, out.String())
			}
		}
	}
	if zeros != counts {
		t.Errorf("%d counts of the campaign, want %d", zeros, counts)
	}
	t.Log(out.String())
}

// newEnv is a server of its own and the service as it stands in this tree.
func newEnv(t *testing.T, out *bytes.Buffer) *testbed.Env {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sespan")
	if err := testbed.Build(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	e, err := testbed.New(t.Context(), testbed.Options{Out: out, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}
