package pgtest

import (
	"context"
	"testing"
	"time"
)

// CheckCounts fails the test when it ends and a count of the statistics differs from
// the rows that prove it. Call it right after NewDB; not in a test that moves rows in
// time, or tampers with them otherwise.
func CheckCounts(tb testing.TB, db *DB) {
	tb.Helper()
	db.countsChecked = true
	tb.Cleanup(func() {
		tb.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		conn := connect(tb, db.URL)
		defer func() { _ = conn.Close(ctx) }()
		rows, err := conn.Query(ctx, `SELECT format('%s %s, %s: counted %s, proven %s', noun, day, count, counted, proven) FROM sespan.stats_check()`)
		if err != nil {
			tb.Errorf("pgtest: stats_check: %v", err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				tb.Errorf("pgtest: stats_check: %v", err)
				return
			}
			tb.Error("a count differs: " + line)
		}
		if rows.Err() != nil {
			tb.Errorf("pgtest: stats_check: %v", rows.Err())
		}
	})
}

// MovesRows fails a test whose counts are checked: a row that is moved in time, over
// midnight at the worst, is proof of another day than the one it was counted in.
func (db *DB) MovesRows(tb testing.TB) {
	tb.Helper()
	if db.countsChecked {
		tb.Fatal("pgtest: CheckCounts is called, so no row may be moved in time")
	}
}
