package smtp

import (
	"regexp"
	"sync"
	"time"

	"sespan/internal/mail"
)

const (
	// taughtFor is how long a relay's limit of messages per connection is believed.
	taughtFor = time.Hour
	// idling is when a connection that the relay closed was closed for its rest.
	idling = time.Second
)

// perConnection is how relays say that a connection has had enough mails.
var perConnection = regexp.MustCompile(`(?i)too many (?:messages|mails|e-?mails|transactions)|` +
	`(?:messages?|mails?|transactions?)[a-z ]* (?:per|in this|in one|for this|on this) (?:connection|session)|(?:connection|session) (?:message )?limit`)

// taught is how many mails a relay takes over one connection, as it has shown: it
// closed a busy connection twice after as many, or said so. Connections are then
// ended in time, which spares each the lost exchange.
type taught struct {
	mu    sync.Mutex
	limit int
	until time.Time
	last  int
}

// ended notes that the relay ended a connection at the beginning of a mail, after
// so many others and a rest. It answers a limit that was not known.
func (t *taught) ended(mails int, rest time.Duration, said bool, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mails < 1 || rest > idling && !said {
		return 0
	}
	known := said || mails == t.last
	t.last = mails
	if !known {
		return 0
	}
	was := t.limit
	if !now.Before(t.until) {
		was = 0
	}
	t.limit, t.until = mails, now.Add(taughtFor)
	if was == mails {
		return 0
	}
	return mails
}

// most is the limit, 0 for none.
func (t *taught) most(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !now.Before(t.until) {
		return 0
	}
	return t.limit
}

// spent reports whether a relay refused a mail only because its connection has had
// enough.
func spent(err error, c *conn) bool {
	e, ok := err.(*mail.SendError) //nolint:errorlint // it comes straight from deliver
	return ok && c.kept && e.Verdict == mail.Retry && e.Reason == "mail_from" && e.Code >= 400 && perConnection.MatchString(e.Reply)
}
