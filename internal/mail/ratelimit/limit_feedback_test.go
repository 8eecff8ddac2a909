package ratelimit

import "testing"

// TestWhatIsNoThrottling: a single mailbox, greylisting, a refusal for good.
func TestWhatIsNoThrottling(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		r      Reply
		weight int
	}{
		"421 of whom":     {Reply{Command: "rcpt_to", Code: 421}, 1},
		"421 of a domain": {Reply{Command: "rcpt_to", Code: 421, Enhanced: "4.7.0"}, 2},
		"421 of a relay":  {Reply{Command: "data", Code: 421, Enhanced: "4.3.2"}, 0},
		"4.7.x":           {Reply{Command: "data", Code: 451, Enhanced: "4.7.650"}, 2},
		"words":           {Reply{Command: "rcpt_to", Code: 452, Text: "Too many recipients received this hour"}, 2},
		"rate limited":    {Reply{Command: "rcpt_to", Code: 450, Text: "Client host is being rate limited"}, 2},
		"storage":         {Reply{Command: "data", Code: 452, Enhanced: "4.3.1"}, 1},
		"local error":     {Reply{Command: "data", Code: 451}, 1},
		"mailbox full":    {Reply{Command: "rcpt_to", Code: 452, Enhanced: "4.2.2"}, 0},
		"mailbox busy":    {Reply{Command: "rcpt_to", Code: 450}, 0},
		"greylisting":     {Reply{Command: "rcpt_to", Code: 451, Enhanced: "4.7.1", Text: "Greylisting in action, come back later"}, 0},
		"for good":        {Reply{Command: "rcpt_to", Code: 550}, 0},
		"unknown":         {Reply{Command: "closed"}, 0},
		"no sender":       {Reply{Command: "mail_from", Code: 421}, 0},
		"the account":     {Reply{Command: "mail_from", Code: 454, Enhanced: "4.7.0"}, 2},
		"relay away":      {Reply{Command: "connect"}, 0},
		"a broken relay":  {Reply{Command: "greeting", Code: 421}, 0},
		"not temporarily": {Reply{Command: "data", Code: 503}, 0},
	}
	for name, c := range cases {
		if got := strikeWeight(c.r); got != c.weight {
			t.Errorf("%s: %d, want %d", name, got, c.weight)
		}
	}
}
