package mail

import "time"

// Cause says why a mail waits, what became of it, or why a call left it as it is.
// The database gives it; whoever shows it writes the sentence.
type Cause struct {
	Reason string `json:"reason"` // from the closed list of sespan.mail_reasons(); empty for none
	Facts  Facts  `json:"facts"`
}

// Facts belong to a reason; docs/mail-operations.md says which has which. The zero value of
// one means that it is not known.
type Facts struct {
	DueAt       *time.Time `json:"due_at,omitempty"`
	LeasedUntil *time.Time `json:"leased_until,omitempty"`
	TriedAt     *time.Time `json:"tried_at,omitempty"`
	Since       *time.Time `json:"since,omitempty"` // of a pause
	FinishedAt  *time.Time `json:"finished_at,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	WipedAt     *time.Time `json:"wiped_at,omitempty"`
	Failure     string     `json:"failure,omitempty"` // of the last try, from the sender's closed list
	Code        int        `json:"code,omitempty"`    // SMTP code of the last try
	Reply       string     `json:"reply,omitempty"`   // what the server said
	Relay       string     `json:"relay,omitempty"`   // host:port of the server that took the mail
	Pause       string     `json:"pause,omitempty"`   // all, category:x or domain:x
	Actor       string     `json:"actor,omitempty"`   // who paused or cancelled
	Attempts    int        `json:"attempts,omitempty"`
	Try         int        `json:"try,omitempty"`      // number of the next try
	Ahead       int        `json:"ahead,omitempty"`    // mails before it, counted up to 10,001
	Ago         int        `json:"ago,omitempty"`      // seconds since a broker was told of it
	Dispatch    string     `json:"dispatch,omitempty"` // that broker: amqp or kafka
	Workers     *int       `json:"workers,omitempty"`  // that run; nil: it does not matter
}
