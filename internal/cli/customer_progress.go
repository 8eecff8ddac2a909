package cli

import (
	"fmt"
	"strings"
	"time"

	"sespan/internal/postgres"
)

// progressEvery is often enough for a person who waits.
const progressEvery = 3 * time.Second

// everyFewSeconds tells how far an erasure is, which may take minutes: one line when some
// seconds have gone by since the last.
func (e *Env) everyFewSeconds(now func() time.Time) func(postgres.Erased) {
	last := now()
	return func(sofar postgres.Erased) {
		if now().Sub(last) < progressEvery {
			return
		}
		last = now()
		var parts []string
		for _, line := range erasedLines() {
			if n := sofar[line.name]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(line.name, "_", " ")))
			}
		}
		if parts == nil {
			parts = []string{"nothing found yet"}
		}
		e.progress("so far: " + strings.Join(parts, ", "))
	}
}
