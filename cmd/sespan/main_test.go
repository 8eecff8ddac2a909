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
		{append([]string{"serve", "--time-zone=Mars/Olympus"}, good...), 2},
		{append([]string{"serve", "--run=api", "--jwks=/nowhere/keys.json"}, good...), 2},
		{append([]string{"serve", "--allowed-origins=*"}, good...), 2},
		{append([]string{"serve", "--otp-lifetime=2h"}, good...), 2},
		{append([]string{"serve", "--api-log-max-bytes=1000"}, good...), 2},
		{append([]string{"serve", "--smtp-rate=fast"}, good...), 2},
		{append([]string{"serve", "--dkim-domain=shop.example"}, good...), 2},
		{[]string{"serve", good[0], good[1], good[2], "--database-url=mysql://shop"}, 2},
		{[]string{"serve", good[0], good[1], good[2], "--secret-keys=1:short"}, 2},
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
