package otp

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/problem"
	"sespan/internal/secret"
)

// Store keeps challenges. Each method is one transaction: it takes the locks
// (budget, challenge, codes), calls decide with what it read, writes the decision
// and commits; an error of decide rolls back and is returned as it is.
// Other errors are *problem.Problem where the caller may know the reason. Where a
// row was locked the transaction may be done again, and decide with it.
type Store interface {
	// Issue reads the customer and the newest challenge of the subject.
	Issue(ctx context.Context, s Subject, decide func(State) (IssueDecision, error)) error
	// Resend reads one challenge; a state without one when there is none.
	Resend(ctx context.Context, challenge uuid.UUID, visitor netip.Addr, decide func(State) (IssueDecision, error)) error
	// Verify counts a guess on the challenge and its budget where both have one
	// left and a live code, and reads the codes.
	Verify(ctx context.Context, challenge uuid.UUID, l Limits, decide func(State) (VerifyDecision, error)) (Consumed, error)
	// Status reads one challenge without locks.
	Status(ctx context.Context, challenge uuid.UUID) (State, error)
}

// Subject is whom a code is asked for: a customer, or the customer with an
// address. The challenge of a registration by address has no customer.
type Subject struct {
	CustomerID   *int64
	Email        string
	Spellings    []string // of Email, in which a site may have stored it
	AddressKey   string   // of Email; "" for a customer, whose address the store reads
	Purpose      Purpose
	KnownBrowser bool
	Visitor      netip.Addr
}

// Options of a Service; all are needed but Random and Digits.
type Options struct {
	Store      Store
	Ring       *secret.Ring
	Mailer     *Mailer
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Life       time.Duration // of a code
	Digits     int           // 6 or 8; 0 is 6
	Random     io.Reader     // nil is crypto/rand
}

// Service issues and verifies codes. It is safe for concurrent use.
type Service struct {
	store   Store
	ring    *secret.Ring
	mailer  *Mailer
	logger  *slog.Logger
	metrics *metrics
	limits  Limits
	digits  int
	random  io.Reader
}

// verifyBound ends a verification that its client no longer waits for.
const verifyBound = 8 * time.Second

// New makes a service.
func New(o Options) *Service {
	s := &Service{
		store: o.Store, ring: o.Ring, mailer: o.Mailer, logger: o.Logger, metrics: newMetrics(o.Registerer),
		limits: DefaultLimits(o.Life), digits: o.Digits, random: o.Random,
	}
	if s.digits == 0 {
		s.digits = minDigits
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	return s
}

// newCode draws a code for the challenge and makes its mail. The challenge's times
// become those of the code. A decoy is as much work.
func (s *Service) newCode(c Challenge, at time.Time, to recipient) (*NewCode, error) {
	code, err := randomCode(s.random, s.digits)
	if err != nil {
		return nil, err
	}
	msg, err := s.mailer.Render(c.Purpose, c.Locale, c.ID.String(), code)
	if to.notice {
		msg, err = s.mailer.RenderNotice(c.Locale)
	}
	if err != nil {
		return nil, err
	}
	body, err := msg.body()
	if err != nil {
		return nil, err
	}
	c.Email, c.SentAt, c.ValidUntil = to.address, at, at.Add(s.limits.Life)
	keyID, hash := hashCode(s.ring, c.ID, c.Purpose, code)
	return &NewCode{
		Challenge: c, LiveCodes: s.limits.LiveCodes, KeyID: keyID, Hash: hash, ValidUntil: c.ValidUntil,
		Subject: msg.Subject, Sealed: s.ring.Seal(secret.LabelMail, "", body), Deliver: to.deliver(),
	}, nil
}

func (s *Service) newChallengeID() (uuid.UUID, error) {
	// Version 7 grows with time, which keeps the newest rows of an index together.
	id, err := uuid.NewV7FromReader(s.random)
	if err != nil {
		return uuid.Nil, fmt.Errorf("challenge id: %w", err)
	}
	return id, nil
}

func unknownChallenge() *problem.Problem {
	return problem.New(problem.UnknownChallenge, "There is no such challenge; it may have been removed with its customer.")
}

func addressChanged() *problem.Problem {
	return problem.New(problem.OTPExpired, "The customer's e-mail address has changed since; ask for a new code.")
}

func unknownCustomer() *problem.Problem {
	return problem.New(problem.UnknownCustomer, "There is no customer with this customer_id.")
}

// event is a label of sespan_otp_events_total.
type event string

// The closed list of events.
const (
	eventIssued            event = "issued"   // a challenge with its first code
	eventResent            event = "resent"   // a further code of a challenge
	eventRepeated          event = "repeated" // asked again too early, or to resume: the same challenge, no mail
	eventDecoy             event = "decoy"    // a code that nobody is sent
	eventNotified          event = "notified" // a decoy whose address was told that it has an account
	eventAmbiguous         event = "ambiguous"
	eventTooSoon           event = "too_soon"
	eventVerified          event = "verified"
	eventActivated         event = "activated"
	eventIncorrect         event = "incorrect"
	eventExpired           event = "expired"
	eventUsed              event = "used"
	eventLocked            event = "locked"  // a challenge lost its last guess
	eventRefusedGuess      event = "limited" // a guess that was not compared: no guess left
	eventSuperseded        event = "superseded"
	eventActivationRefused event = "activation_refused"
	eventUpdateRefused     event = "update_refused" // by what the site has on its table; nothing was used up
)

func allEvents() []event {
	return []event{
		eventIssued, eventResent, eventRepeated, eventDecoy, eventNotified, eventAmbiguous, eventTooSoon, eventVerified, eventActivated, eventIncorrect,
		eventExpired, eventUsed, eventLocked, eventRefusedGuess, eventSuperseded, eventActivationRefused, eventUpdateRefused,
	}
}

type metrics struct {
	events *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_otp_events_total", Help: "What happened to one-time codes.",
	}, []string{"purpose", "event"})}
	reg.MustRegister(m.events)
	for _, p := range Purposes() {
		for _, e := range allEvents() {
			m.events.WithLabelValues(string(p), string(e)) // a series that starts at 0 lets rate() see the first event
		}
	}
	return m
}

func (m *metrics) count(p Purpose, events ...event) {
	for _, e := range events {
		m.events.WithLabelValues(string(p), string(e)).Inc()
	}
}
