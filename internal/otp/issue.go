package otp

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"sespan/internal/address"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

// Request asks for a code.
type Request struct {
	CustomerID *int64
	Email      string
	Purpose    Purpose
	Resume     bool   // a challenge with a live code will do: nothing is mailed then
	Locale     string // BCP 47 tag or Django language code
	Data       []byte // JSON of the site, sealed until the code is verified
	// KnownBrowser says that the visitor's browser has verified the address before: it
	// has budgets and challenges of its own, which nobody else can use up.
	KnownBrowser bool
	Visitor      netip.Addr // network address of the visitor; the zero value for an unknown one
}

// Issued describes a challenge to the site.
type Issued struct {
	ChallengeID uuid.UUID
	CustomerID  *int64 // for the log; nil while unknown
	Email       string // masked
	ValidUntil  time.Time
	ResendAfter time.Time
}

// IssueDecision is what issuing or resending writes; the zero value writes nothing.
type IssueDecision struct {
	EndRight *int64 // customer who loses the activation right
	NewCode  *NewCode
	Refusal  error // the answer although EndRight is written
}

// NewCode is a code and its mail.
type NewCode struct {
	Challenge    Challenge  // as it will be
	NewChallenge bool       // not another code of an old one
	Supersedes   *uuid.UUID // pending challenge that a new one replaces
	LiveCodes    int        // of the challenge, with this one
	KeyID        string
	Hash         []byte
	ValidUntil   time.Time
	Subject      string
	Sealed       []byte
	Deliver      bool // false: the mail is enqueued and rolled back
}

// Issue starts a challenge and mails its code, or adds a code to the one that is
// under way. Problems: invalid, unknown-customer, otp-too-soon, unavailable. The
// customer is filled in beside a problem too, where known.
func (s *Service) Issue(ctx context.Context, r Request) (Issued, error) {
	subject, err := r.subject()
	if err != nil {
		return Issued{}, err
	}
	r.Email = subject.Email
	i := &issue{service: s, request: r, locale: s.mailer.locales.choose(r.Locale)}
	i.out.CustomerID = r.CustomerID
	err = s.store.Issue(ctx, subject, i.decide)
	if err == nil || problem.SlugOf(err) == problem.OTPTooSoon {
		s.metrics.count(r.Purpose, i.events...)
	}
	if err == nil && slices.Contains(i.events, eventAmbiguous) {
		s.logger.WarnContext(ctx, "several customers have one address, so none of them gets a code by it", "challenge_id", i.out.ChallengeID.String())
	}
	return i.out, err
}

func (r Request) subject() (Subject, error) {
	sub := Subject{CustomerID: r.CustomerID, Purpose: r.Purpose, KnownBrowser: r.KnownBrowser, Visitor: r.Visitor}
	if r.Email != "" {
		mailbox, ok := parseAddress(r.Email)
		if !ok {
			return sub, problem.New(problem.Invalid, "This is not an e-mail address.").AtField("body.email")
		}
		sub.Email, sub.Spellings = mailbox, address.Spellings(mailbox)
		if r.CustomerID == nil {
			sub.AddressKey = AddressKey(mailbox)
		}
	}
	switch {
	case r.CustomerID == nil && sub.Email == "":
		return sub, problem.New(problem.Invalid, "Either customer_id or email is needed.").AtField("body")
	case len(r.Data) > 0 && (r.Purpose != Registration || r.CustomerID != nil):
		return sub, problem.New(problem.Invalid, "Only a registration without a customer_id can carry data.").AtField("body.data")
	}
	return sub, nil
}

// issue is one call of Issue.
type issue struct {
	service *Service
	request Request
	locale  string
	out     Issued
	events  []event
}

// decide is called once, under the budget's lock.
func (i *issue) decide(st State) (IssueDecision, error) {
	decision, err := i.decideCode(st)
	return afterEnd(decision, st, err)
}

func (i *issue) decideCode(st State) (IssueDecision, error) {
	to, err := i.recipient(st)
	if err != nil {
		return IssueDecision{}, err
	}
	if st.Customer != nil {
		i.out.CustomerID = &st.Customer.ID
	}
	i.out.Email = mask(to.address)
	l, old := i.service.limits, st.Challenge
	if old != nil && old.Decoy != to.decoy {
		old = nil // the customer was activated or banned in between
	}
	early := old != nil && st.At.Before(l.pauseEnd(old, st.At))
	open := old != nil && l.open(old, st.At)
	same := open && i.sameData(old)
	resumed := same && i.request.Resume && old.ValidUntil.After(st.At)
	switch wait := i.wait(st, old, early); {
	case early && same, resumed:
		i.out.ChallengeID, i.out.ValidUntil = old.ID, old.ValidUntil
		i.out.ResendAfter = l.resendAt(old, st.Budget, st.At)
		i.events = []event{eventRepeated}
		return IssueDecision{}, nil
	case wait > 0:
		i.events = []event{eventTooSoon}
		return IssueDecision{}, tooSoon(wait)
	}
	challenge, err := i.challenge(old, same, to.decoy, st)
	if err != nil {
		return IssueDecision{}, err
	}
	code, err := i.service.newCode(challenge, st.At, to)
	if err != nil {
		return IssueDecision{}, err
	}
	code.NewChallenge = !same
	if open && !same {
		code.Supersedes = &old.ID
	}
	i.report(code, st)
	return IssueDecision{NewCode: code}, nil
}

// wait is how long until the next mail. A verified challenge is done with: the
// pause between mails is for those who still wait for theirs.
func (i *issue) wait(st State, old *Challenge, early bool) time.Duration {
	if !early || old.Status == Verified {
		old = nil
	}
	return i.service.limits.resendAt(old, st.Budget, st.At).Sub(st.At)
}

// sameData tells whether the challenge carries the request's data. Other data
// must have its own challenge: else one person's code would confirm another
// person's form.
func (i *issue) sameData(c *Challenge) bool {
	if len(c.Data) == 0 || len(i.request.Data) == 0 {
		return len(c.Data) == len(i.request.Data)
	}
	data, err := i.service.ring.Open(secret.LabelData, c.ID.String(), c.Data)
	return err == nil && bytes.Equal(data, i.request.Data)
}

func (i *issue) challenge(old *Challenge, same, decoy bool, st State) (Challenge, error) {
	if same {
		return *old, nil
	}
	id, err := i.service.newChallengeID()
	if err != nil {
		return Challenge{}, err
	}
	c := Challenge{
		ID: id, Purpose: i.request.Purpose, Locale: i.locale, Decoy: decoy, Status: Pending, CreatedAt: st.At,
	}
	if st.Customer != nil && !i.beforeCustomer() {
		c.CustomerID = &st.Customer.ID
	}
	if len(i.request.Data) > 0 {
		c.Data = i.service.ring.Seal(secret.LabelData, id.String(), i.request.Data)
	}
	return c, nil
}

// report fills in the answer and the events of a new code.
func (i *issue) report(code *NewCode, st State) {
	b := Budget{MailAt: st.Budget.NextMailAt}
	i.out.ChallengeID, i.out.ValidUntil = code.Challenge.ID, code.ValidUntil
	i.out.ResendAfter = i.service.limits.resendAt(&code.Challenge, b, st.At)
	i.events = append(i.events, eventIssued)
	if !code.NewChallenge {
		i.events[0] = eventResent
	}
	if code.Challenge.Decoy || !code.Deliver {
		i.events = append(i.events, eventDecoy)
	}
	if code.Challenge.Decoy && code.Deliver {
		i.events = append(i.events, eventNotified)
	}
	if st.Matches > 1 {
		i.events = append(i.events, eventAmbiguous)
	}
	if code.Supersedes != nil {
		i.events = append(i.events, eventSuperseded)
	}
}

// afterEnd adds to a decision, or to a refusal, that the activation right has ended.
func afterEnd(d IssueDecision, st State, err error) (IssueDecision, error) {
	d.EndRight = endRight(st)
	if err != nil && d.EndRight != nil {
		d.Refusal, err = err, nil
	}
	return d, err
}

// endRight gives the customer whose activation right is over: something else than a
// code made them active. A ban that comes later is for good.
func endRight(st State) *int64 {
	if c := st.Customer; c != nil && c.Active && st.Right == RightLive {
		return &c.ID
	}
	return nil
}

func tooSoon(wait time.Duration) *problem.Problem {
	return problem.New(problem.OTPTooSoon, "A code was mailed a moment ago; wait before asking for another.").WithRetryAfter(wait)
}
