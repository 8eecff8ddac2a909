package smtp

import (
	"regexp"
	"sync"
	"time"

	"sespan/internal/mail"
)

const (
	// connectionLimitPeriod is how long a relay's limit of messages per connection is remembered.
	connectionLimitPeriod = time.Hour
	// idleClose is when a connection that the relay closed was closed because it idled.
	idleClose = time.Second
)

// perConnection is how relays say that a connection has had enough mails.
var perConnection = regexp.MustCompile(`(?i)too many (?:messages|mails|e-?mails|transactions)|` +
	`(?:messages?|mails?|transactions?)[a-z ]* (?:per|in this|in one|for this|on this) (?:connection|session)|(?:connection|session) (?:message )?limit`)

// connectionLimit is how many mails a relay takes over one connection, learned from
// its behaviour: it closed a busy connection twice after as many, or said so.
// Connections are then closed before that, which saves a failed exchange on each.
type connectionLimit struct {
	mu    sync.Mutex
	limit int
	until time.Time
	last  int
}

// onClosed notes that the relay ended a connection at the beginning of a mail, after
// so many others and idling for a while; full: it said that the connection has had
// enough. It answers a limit that was not known before.
func (l *connectionLimit) onClosed(mails int, idle time.Duration, full bool, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mails < 1 || idle > idleClose && !full {
		return 0
	}
	known := full || mails == l.last
	l.last = mails
	if !known {
		return 0
	}
	was := l.limit
	if !now.Before(l.until) {
		was = 0
	}
	l.limit, l.until = mails, now.Add(connectionLimitPeriod)
	if was == mails {
		return 0
	}
	return mails
}

// current is the limit, 0 for none.
func (l *connectionLimit) current(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !now.Before(l.until) {
		return 0
	}
	return l.limit
}

// connectionFull reports whether a relay refused a mail only because its connection has had
// enough.
func connectionFull(err error, c *conn) bool {
	e, ok := err.(*mail.SendError) //nolint:errorlint // it comes straight from deliver
	return ok && c.reused && e.Verdict == mail.Retry && e.Reason == "mail_from" && e.Code >= 400 && perConnection.MatchString(e.Reply)
}
