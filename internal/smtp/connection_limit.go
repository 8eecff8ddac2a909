package smtp

import (
	"regexp"
	"sync"
	"time"

	"sespan/internal/mail"
)

const (
	// connectionLimitFor is how long a relay's limit of messages per connection is believed.
	connectionLimitFor = time.Hour
	// idling is when a connection that the relay closed was closed because it idled.
	idling = time.Second
)

// perConnection is how relays say that a connection has had enough mails.
var perConnection = regexp.MustCompile(`(?i)too many (?:messages|mails|e-?mails|transactions)|` +
	`(?:messages?|mails?|transactions?)[a-z ]* (?:per|in this|in one|for this|on this) (?:connection|session)|(?:connection|session) (?:message )?limit`)

// connectionLimit is how many mails a relay takes over one connection, as it has
// shown: it closed a busy connection twice after as many, or said so. Connections are then
// ended in time, which spares each the lost exchange.
type connectionLimit struct {
	mu    sync.Mutex
	limit int
	until time.Time
	last  int
}

// ended notes that the relay ended a connection at the beginning of a mail, after
// so many others and after idling. It answers a limit that was not known.
func (l *connectionLimit) ended(mails int, idle time.Duration, full bool, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mails < 1 || idle > idling && !full {
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
	l.limit, l.until = mails, now.Add(connectionLimitFor)
	if was == mails {
		return 0
	}
	return mails
}

// most is the limit, 0 for none.
func (l *connectionLimit) most(now time.Time) int {
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
	return ok && c.kept && e.Verdict == mail.Retry && e.Reason == "mail_from" && e.Code >= 400 && perConnection.MatchString(e.Reply)
}
