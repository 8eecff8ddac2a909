//go:build !linux

package pgtest

import "testing"

// Pooler needs Linux, where PgBouncer ends with the test however that ends.
func Pooler(tb testing.TB, _ string) string {
	tb.Helper()
	tb.Fatal("pgtest: the tests through PgBouncer run on Linux alone")
	return ""
}
