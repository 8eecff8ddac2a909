package mailevent

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sespan/internal/address"
	"sespan/internal/problem"
)

// Kind of an event.
type Kind string

// The closed list of kinds.
const (
	Delivered   Kind = "delivered"
	Bounce      Kind = "bounce"
	Complaint   Kind = "complaint"
	Unsubscribe Kind = "unsubscribe"
)

// Kinds gives the closed list.
func Kinds() []Kind { return []Kind{Delivered, Bounce, Complaint, Unsubscribe} }

// Event is what became of one mail at one recipient.
type Event struct {
	ID        string // unique at its source
	Kind      Kind
	Permanent bool // of a bounce: no further try can succeed
	Recipient string
	Mail      Reference
	At        time.Time
	Detail    string // the server's text
}

// Reference names the mail: by our number, or by the id that the relay gave.
type Reference struct {
	MessageID int64     // 0: unknown
	CreatedAt time.Time // of the message; zero: unknown
	RelayID   string    // stands in the relay's answer to the mail
	SentAt    time.Time // about when the relay took it; zero: when the event happened
}

// Result is what an event did.
type Result string

// The closed list of results.
const (
	Suppressed Result = "suppressed" // the address is not written to any more
	Recorded   Result = "recorded"   // nothing else follows
	Unmatched  Result = "unmatched"  // not a mail of ours
	Repeated   Result = "repeated"   // it had come before
)

// Results gives the closed list.
func Results() []Result { return []Result{Suppressed, Recorded, Unmatched, Repeated} }

const (
	maxEvents        = 500
	maxIDLength      = 200
	maxAddressLength = 320
)

// ownMessageID is the Message-ID that the mail queue writes: number, time of
// creation in microseconds to the base of 36.
var ownMessageID = regexp.MustCompile(`^<?(\d{1,15})\.([0-9a-z]{1,13})@[^\s<>@]+>?$`)

// ParseMessageID reads a Message-ID of ours, or our number alone.
func ParseMessageID(s string) (Reference, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		return Reference{MessageID: n}, true
	}
	m := ownMessageID.FindStringSubmatch(s)
	if m == nil {
		return Reference{}, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	micros, err2 := strconv.ParseInt(m[2], 36, 64)
	if err != nil || err2 != nil || n == 0 {
		return Reference{}, false
	}
	return Reference{MessageID: n, CreatedAt: time.UnixMicro(micros).UTC()}, true
}

// check refuses what no mail server reports; i is the event's place in the request.
func (e *Event) check(i int, now time.Time) error {
	at := func(field, detail string) error {
		return problem.New(problem.Invalid, detail).AtField("body.events[" + strconv.Itoa(i) + "]." + field)
	}
	e.Recipient = strings.TrimSpace(e.Recipient)
	e.Detail = strings.Map(printable, strings.ToValidUTF8(e.Detail, "\uFFFD"))
	key, _ := e.Address()
	switch {
	case e.ID == "" || len(e.ID) > maxIDLength || strings.ContainsFunc(e.ID, unicode.IsControl):
		return at("event_id", "An event needs an id of at most 200 bytes that is its own at the source.")
	case e.Kind != Delivered && e.Kind != Bounce && e.Kind != Complaint && e.Kind != Unsubscribe:
		return at("kind", "The kinds are delivered, bounce, complaint and unsubscribe.")
	case key == "" || len(e.Recipient) > maxAddressLength || strings.ContainsFunc(e.Recipient, forbidden):
		return at("recipient", "This is not a bare e-mail address.")
	case e.At.IsZero() || e.At.After(now.Add(time.Hour)) || e.At.Before(now.AddDate(-1, 0, 0)):
		return at("occurred_at", "The time must lie within the last year.")
	case e.Mail.MessageID == 0 && e.Mail.RelayID == "":
		return at("message_id", "The mail is named by message_id (its Message-ID or our number) or by relay_id.")
	case len(e.Mail.RelayID) > maxIDLength || e.Mail.RelayID != "" && len(e.Mail.RelayID) < 6 || strings.ContainsFunc(e.Mail.RelayID, unicode.IsControl):
		return at("relay_id", "The relay's id has 6 to 200 characters, none of them a control character.")
	}
	return nil
}

// Address gives the recipient's key, and the address that was written to: relays
// report what stood in the envelope. Both are empty for what is no address.
func (e *Event) Address() (key, mailbox string) {
	key, err := address.Key(e.Recipient)
	if err != nil {
		return "", ""
	}
	mailbox, err = address.Mailbox(e.Recipient)
	if err != nil {
		return "", ""
	}
	return key, mailbox
}

func forbidden(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || r == '<' || r == '>' || r == ',' || r == unicode.ReplacementChar
}

func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
