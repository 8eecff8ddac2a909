package mail

import "time"

// What people ask of the queue and do to it: the rows that the administration
// functions and views of the schema answer, and the JSON of `sespan mail --json`.
// The functions check, lock and audit; postgres.MailAdmin calls them.

// StateCount counts the mails in a state: a row of mail_status.
type StateCount struct {
	State   string     `json:"state"`
	Mails   int64      `json:"mails"`
	Paused  int64      `json:"paused"`
	Oldest  *time.Time `json:"oldest"`
	NextDue *time.Time `json:"next_due"`
}

// Filter chooses mails; the zero value is all of them.
type Filter struct {
	State, Category, Recipient string // exactly, exactly, the beginning
	Before                     int64  // message ids below it; 0 from the newest
	Limit                      int
}

// Summary is a line of a list of mails: a row of mail_find.
type Summary struct {
	MessageID  int64      `json:"message_id"`
	CreatedAt  time.Time  `json:"created_at"`
	Category   *string    `json:"category"`
	Subject    string     `json:"subject"`
	To         []string   `json:"to_addresses"`
	Recipients int        `json:"recipients"`
	Pending    int        `json:"pending"`
	Sent       int        `json:"sent"`
	Dead       int        `json:"dead"`
	State      string     `json:"state"`
	Priority   int        `json:"priority"`
	SendAt     *time.Time `json:"send_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// Explanation says why a recipient's mail is where it is: a row of mail_why.
type Explanation struct {
	QueueID   int64  `json:"queue_id"`
	MessageID int64  `json:"message_id"`
	Recipient string `json:"recipient"`
	State     string `json:"state"`
	Cause
	NextTry    *time.Time `json:"next_try"`
	Attempts   int        `json:"attempts"`
	Code       *int       `json:"code"`
	Reply      *string    `json:"reply"`
	FinishedAt *time.Time `json:"finished_at"`
}

// Change is what mail_retry or mail_cancel did to a recipient's mail; without a
// queue id it is about a message that is not known.
type Change struct {
	QueueID   *int64  `json:"queue_id"`
	MessageID int64   `json:"message_id"`
	Recipient *string `json:"recipient"`
	Was       *string `json:"was"`
	State     *string `json:"state"`
	Changed   bool    `json:"changed"`
	Cause
}

// Pause holds back all mails, category:x or domain:x. After a resumption Mails were
// released and LeftParked still are to be.
type Pause struct {
	What       string     `json:"what"`
	Since      *time.Time `json:"since"`
	Actor      *string    `json:"actor"`
	Mails      int64      `json:"mails"`
	LeftParked int64      `json:"left_parked"`
}

// StuckMail is a mail that somebody should look at: a row of the view mail_stuck.
type StuckMail struct {
	Kind      string     `json:"kind"`
	QueueID   int64      `json:"queue_id"`
	MessageID int64      `json:"message_id"`
	Recipient string     `json:"recipient"`
	State     string     `json:"state"`
	Since     *time.Time `json:"since"`
	Cause
}

// DeadMail is a row of the view mail_dead.
type DeadMail struct {
	QueueID    int64     `json:"queue_id"`
	MessageID  int64     `json:"message_id"`
	CreatedAt  time.Time `json:"created_at"`
	FinishedAt time.Time `json:"finished_at"`
	Recipient  string    `json:"recipient"`
	Category   *string   `json:"category"`
	Subject    *string   `json:"subject"`
	Attempts   int       `json:"attempts"`
	Reason     *string   `json:"reason"`
	Code       *int      `json:"code"`
	Reply      *string   `json:"reply"`
	BodyKept   bool      `json:"body_kept"`
}

// Throughput is a minute of the view mail_throughput.
type Throughput struct {
	Minute   time.Time `json:"minute"`
	Sent     int64     `json:"sent"`
	Failed   int64     `json:"failed"`
	Withheld int64     `json:"withheld"`
}

// Preview is a message's content, as mail_preview shows it.
type Preview struct {
	MessageID   int64             `json:"message_id"`
	CreatedAt   time.Time         `json:"created_at"`
	Category    *string           `json:"category"`
	Sender      *string           `json:"sender"`
	ReplyTo     *string           `json:"reply_to"`
	To          []string          `json:"to_addresses"`
	CC          []string          `json:"cc_addresses"`
	Subject     string            `json:"subject"`
	Text        *string           `json:"body_text"`
	HTML        *string           `json:"body_html"`
	Headers     map[string]string `json:"headers"`
	Attachments []AttachmentInfo  `json:"attachments"`
	Raw         *string           `json:"raw"`
	Cause                         // of missing bodies
}

// AttachmentInfo is an attachment without its content.
type AttachmentInfo struct {
	Filename    *string `json:"filename"`
	ContentType *string `json:"content_type"`
	ContentID   *string `json:"content_id"`
	Size        int64   `json:"size"`
}

// Suppression is an address that is not written to.
type Suppression struct {
	Address   string     `json:"address"`
	Scope     string     `json:"scope"`
	Reason    string     `json:"reason"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	MessageID *int64     `json:"message_id"`
	Source    string     `json:"source"`
	Detail    *string    `json:"detail"`
}

// AuditEntry is a call of a person that changed or showed mails.
type AuditEntry struct {
	ID     int64     `json:"audit_id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Login  string    `json:"login"`
	Action string    `json:"action"`
	IDs    []int64   `json:"ids"`
	Detail *string   `json:"detail"`
}
