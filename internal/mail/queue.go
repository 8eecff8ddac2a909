package mail

import (
	"time"

	"sespan/internal/mail/ratelimit"
)

// State of an envelope recipient. See the drawing in doc.go.
type State string

// The closed list of states, as in the CHECKs of mail_queue and mail_outcome.
const (
	StateQueued     State = "queued"
	StateScheduled  State = "scheduled"
	StateSending    State = "sending"
	StateRetry      State = "retry"
	StateUnknown    State = "unknown"
	StateSent       State = "sent"
	StateDead       State = "dead"
	StateExpired    State = "expired"
	StateSuppressed State = "suppressed"
	StateCancelled  State = "cancelled"
)

// Forever is the life of a mail without expires_at.
const Forever = time.Duration(1<<63 - 1)

// Priorities is the number of priorities; 0 goes first.
const Priorities = ratelimit.Priorities

// Lease is the right to send one queue row until it lapses. Token is the fence:
// a result without the row's present token is not written.
type Lease struct {
	QueueID int64
	Token   int64
}

// Claim asks for leases.
type Claim struct {
	Token      int64
	Lease      time.Duration
	Limit      int               // rows
	DueLimit   int               // of these, at most so many retries and scheduled ones
	Passing    int               // only rows of a more urgent priority than this; 0: all
	Bytes      int64             // of content; the first row comes whatever its size
	QueueAfter [Priorities]int64 // per priority: queued rows up to this id are not looked at
	DueWindow  time.Duration
	// DueWindow: retries and scheduled rows that fell due longer ago are not looked at.
}

// AnnouncedClaim asks for the leases of named rows.
type AnnouncedClaim struct {
	Token    int64
	Lease    time.Duration
	QueueIDs []int64
	Limit    int   // rows
	Bytes    int64 // of content; the first row comes whatever its size
}

// Claimed is one leased queue row with the content of its message.
type Claimed struct {
	Lease
	MessageID   int64
	CreatedAt   time.Time // of the message
	Recipient   string    // bare address
	Priority    int
	Attempts    int           // tries so far
	Lapses      int           // workers that vanished over it
	HoldUnknown bool          // on_unknown = hold: rather no mail than a second one
	Fresh       bool          // was queued; not a retry or scheduled
	ExpiresIn   time.Duration // at the moment of the claim; Forever without expires_at
	Waited      time.Duration // since it was enqueued or due
	Size        int64         // size_bytes of the message
	Stored      *Stored       // nil when the content is gone

	PausedBy   string // the pause that concerns it, "" for none
	Suppressed string // why its recipient is not written to, "" when it is
	Trace      string // traceparent of whatever enqueued it (W3C Trace Context), "" for none

	claimedAt time.Time // just before the claim, by the worker's clock
}

// Stored is a message's content as the database has it.
type Stored struct {
	Date        time.Time
	Sender      string // "" for the service's own
	ReplyTo     string
	To, CC      []string
	Subject     string
	Text, HTML  string
	Headers     []byte            // JSON object, nil for none
	Attachments []byte            // JSON list, nil for none
	Files       map[string][]byte // what attachments refer to, by SHA-256 in hex
	Raw         []byte
	Sealed      []byte // JSON {"text", "html"}, sealed
}

// Depth is the state of the queue for the gauges.
type Depth struct {
	Rows           map[State]int64
	OldestReady    time.Duration // age of the oldest row that could be sent now
	TriggerEnabled bool          // inserts can notify
	Lost           int64         // mails of the last resort that a site could not queue, since the schema was made
}
