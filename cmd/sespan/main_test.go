package main

import "testing"

// The codes are for scripts and monitoring: 2 for what is written wrongly, and the
// doctor's and config check's own.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	good := []string{"--secret-keys=1:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGho=", "--database-url=postgres://u:p@127.0.0.1:1/shop", "--run=maintenance"}
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"nonsense"}, 2},
		{append([]string{"serve", "--http-addr=x"}, good...), 2},
		{append([]string{"config", "check"}, good...), 0},
		{append([]string{"config", "check", "--http-addr=x"}, good...), 1},
		{append([]string{"doctor"}, good...), 2}, // no database is there
		{append([]string{"doctor", "--json", "--http-addr=x"}, good...), 2},
		{append([]string{"doctor", "--timeout=1h"}, good...), 2},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("%v ends with %d, want %d", c.args, got, c.want)
		}
	}
}
