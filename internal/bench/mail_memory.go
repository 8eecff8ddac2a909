package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	memoryParts = 10
	memoryAim   = 1.2 // last tenth / second tenth
)

// benchMailMemory sends a million mails through one worker and looks at its
// resident memory after each tenth.
func benchMailMemory(ctx context.Context, e *env) error {
	b, err := newMailBench(ctx, e, sinkOptions{})
	if err != nil {
		return err
	}
	worker, err := b.work(ctx, mailConnections)
	if err != nil {
		return err
	}
	var sizes []float64
	e.printf("\n%d mails through one worker; its resident memory after each tenth, MB:", e.mails)
	for range memoryParts {
		for left := e.mails / memoryParts; left > 0; left -= mailRound {
			if _, err := b.drain(b.enqueueSealed, min(left, mailRound))(ctx); err != nil {
				return err
			}
		}
		mb, err := resident(worker.cmd.Process.Pid)
		if err != nil {
			return err
		}
		sizes = append(sizes, mb)
		e.printf(" %.0f", mb)
	}
	e.printf("\n")
	e.verdict.atMost(fmt.Sprintf("worker memory, last tenth of %d mails / second tenth", e.mails), sizes[memoryParts-1]/sizes[1], memoryAim, "")
	return nil
}

// resident gives the resident memory of a process in megabytes (VmRSS, proc(5)).
func resident(pid int) (float64, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", pid)
}
