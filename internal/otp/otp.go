package otp

import (
	"time"

	"github.com/google/uuid"
)

// Purpose is what a code is for; a code for one never serves another.
type Purpose string

// The purposes.
const (
	Registration Purpose = "registration"
	Login        Purpose = "login"
)

// Purposes gives the closed list of purposes.
func Purposes() []Purpose { return []Purpose{Registration, Login} }

// Status of a challenge or a code.
type Status string

// The closed list of statuses. Refused is a challenge's alone: its correct code
// came without the activation right, and is used up.
const (
	Pending    Status = "pending"
	Verified   Status = "verified"
	Expired    Status = "expired"
	Superseded Status = "superseded"
	Locked     Status = "locked"
	Refused    Status = "refused"
)

// ActivationRight is a customer's right to be activated by a code.
type ActivationRight string

// The closed list of rights: RightNone was never granted, RightEnded was used or
// revoked.
const (
	RightNone  ActivationRight = "none"
	RightLive  ActivationRight = "live"
	RightEnded ActivationRight = "ended"
)

// Customer is what the rules need to know of one.
type Customer struct {
	ID     int64
	Email  string
	Active bool
	// ActiveKnown is false where the site's table has no such column; Active is true there.
	ActiveKnown bool
}

// Challenge as it is stored.
type Challenge struct {
	ID         uuid.UUID
	CustomerID *int64 // nil: a decoy for an unknown address, or a registration before its customer
	Purpose    Purpose
	Email      string
	Locale     string
	Decoy      bool
	Status     Status
	Wrong      int // wrong guesses
	CreatedAt  time.Time
	SentAt     time.Time // of the newest code
	ValidUntil time.Time // of the newest code
	VerifiedAt *time.Time
	Data       []byte // sealed, nil for none
}

// Code is a pending code of a challenge.
type Code struct {
	ID         int64
	KeyID      string
	Hash       []byte
	ValidUntil time.Time
}

// Budget is what an address may still cost: mails, over all forms and purposes, and
// guesses of a purpose.
type Budget struct {
	MailAt     time.Time   // from when a mail may go: not after State.At where one may now
	NextMailAt time.Time   // the same, after one more mail at State.At
	Wrong      []time.Time // wrong guesses, oldest first. Some may be more than an hour ago and do not count
}

// State is what a decision stands on, read under the budget's lock. At is the
// database's time: the only clock of the rules.
type State struct {
	At        time.Time
	Customer  *Customer // nil: none, or more than one with that address
	Matches   int       // issue: customers with the address or id, counted up to 2
	Right     ActivationRight
	Budget    Budget
	Challenge *Challenge // nil: none
	Counted   bool       // verify: this guess was counted, and stands in challenge and budget
	Repeated  bool       // verify: the challenge was verified a moment ago, and this try may be compared with its code
	Codes     []Code     // verify: the pending codes; of a verified challenge the code that was typed
	Delivery  string     // status: of the newest mail (queued, sent, failed), or of the one before a decoy's; "" when it is not known (any more)
	Mailed    bool       // status: the newest code was mailed
}
