package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sespan/internal/devtools/devdb"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	if os.Getenv(sinkEnv) != "" {
		if err := runSink(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestMailFaultsShort is the fault campaign in small: a bad SMTP server, workers
// killed, PostgreSQL crashed. No mail is lost, and there is no second copy of one
// whose answer arrived.
func TestMailFaultsShort(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := testEnv(t, &out)
	err := runCampaign(t.Context(), e, 600, 2500*time.Millisecond, []phase{
		{name: "all at once", relay: faults{Rate: 0.02, CloseAfter: 20}, trouble: killAndCrash},
		{name: "no CHUNKING", relay: faults{Rate: 0.02, CloseAfter: 20, ChunkingOff: true}, trouble: killAndCrash},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	wanted := 0
	for _, v := range e.verdict.list {
		if v.zero {
			wanted++
			if v.value != 0 {
				t.Errorf("%s: %.0f\n%s", v.what, v.value, out.String())
			}
		}
	}
	if wanted != 4 {
		t.Errorf("%d counts of the campaign, want 4", wanted)
	}
}

// testEnv is a server of its own and the service as it stands in this tree.
func testEnv(t *testing.T, out *bytes.Buffer) *env {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sespan")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/sespan")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	e, err := newEnv(t.Context(), options{out: out, binary: binary, verdict: &verdicts{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e
}

// TestVerdicts: what is told, what is reached and what is missed.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	var v verdicts
	v.tell("told", 3, "/s")
	v.add("share", 0.9, 0.85)
	v.add("short", 0.8, 0.85)
	v.atMost("late", 30, 25, "ms")
	v.exactly("none", 0)
	v.exactly("one", 1)
	for i, want := range []string{"–", "≥ 0.85, reached", "≥ 0.85, MISSED", "≤ 25.00 ms, MISSED", "0, reached", "0, MISSED"} {
		if got := v.list[i].judge(); got != want {
			t.Errorf("%s: %s, want %s", v.list[i].what, got, want)
		}
	}
}
