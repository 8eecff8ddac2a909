package otp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/problem"
	"sespan/internal/secret"
)

// table is a store of one state, which notes what it is told to write.
type table struct {
	state    State
	issued   IssueDecision
	verified VerifyDecision
	consumed Consumed
	err      error // of the commit
}

func (s *table) Issue(_ context.Context, _ Subject, decide func(State) (IssueDecision, error)) (err error) {
	if s.issued, err = decide(s.state); err != nil {
		return err
	}
	return cmp.Or(s.err, s.issued.Refusal)
}

func (s *table) Resend(ctx context.Context, _ uuid.UUID, _ netip.Addr, decide func(State) (IssueDecision, error)) error {
	return s.Issue(ctx, Subject{}, decide)
}

func (s *table) Verify(_ context.Context, _ uuid.UUID, _ Limits, decide func(State) (VerifyDecision, error)) (_ Consumed, err error) {
	if s.verified, err = decide(s.state); err != nil {
		return Consumed{}, err
	}
	return s.consumed, s.err
}

func (s *table) Status(context.Context, uuid.UUID) (State, error) { return s.state, s.err }

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newTestService(t *testing.T, store Store) *Service {
	t.Helper()
	ring, err := secret.Parse(secret.Generate("a"))
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Store: store, Ring: ring, Mailer: newTestMailer(t, MailerOptions{}), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Registerer: prometheus.NewRegistry(), Life: 10 * time.Minute,
	})
}

func (s *Service) counted(p Purpose, e event) float64 {
	return testutil.ToFloat64(s.metrics.events.WithLabelValues(string(p), string(e)))
}

// What a call sees of an active customer is written even where the answer is a refusal.
func TestARightEndsWithAnyCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		active bool
		right  ActivationRight
		want   bool
	}{
		"made active": {true, RightLive, true},
		"waits":       {false, RightLive, false},
		"used":        {true, RightEnded, false},
		"never":       {true, RightNone, false},
	} {
		customer := &Customer{ID: 42, Email: "a@example.com", Active: c.active, ActiveKnown: true}
		challenge := &Challenge{CustomerID: &customer.ID, Purpose: Registration, Email: "a@example.com", Status: Pending, CreatedAt: noon, SentAt: noon, ValidUntil: noon.Add(time.Minute)}
		busy := Budget{MailAt: noon.Add(time.Hour), NextMailAt: noon.Add(time.Hour)}
		store := &table{state: State{At: noon, Customer: customer, Matches: 1, Right: c.right, Challenge: challenge, Budget: busy, Counted: true}}
		s := newTestService(t, store)
		if _, err := s.Resend(t.Context(), uuid.New(), netip.Addr{}); problem.SlugOf(err) != problem.OTPTooSoon || (store.issued.EndRight != nil) != c.want {
			t.Errorf("%s, resend: %v, %v", name, store.issued.EndRight, err)
		}
		if _, err := s.Verify(t.Context(), uuid.New(), "123456", ""); problem.SlugOf(err) != problem.OTPIncorrect || (store.verified.EndRight != nil) != c.want {
			t.Errorf("%s, verify: %v, %v", name, store.verified.EndRight, err)
		}
		store.state.Challenge = nil
		if _, err := s.Issue(t.Context(), Request{CustomerID: &customer.ID, Purpose: Login}); problem.SlugOf(err) != problem.OTPTooSoon || (store.issued.EndRight != nil) != c.want {
			t.Errorf("%s, issue: %v, %v", name, store.issued.EndRight, err)
		}
	}
}

func TestSealedMailCarriesTheCode(t *testing.T) {
	t.Parallel()
	id := int64(42)
	store := &table{state: State{At: noon, Customer: &Customer{ID: id, Email: "A@example.com", Active: true}, Matches: 1}}
	s := newTestService(t, store)
	issued, err := s.Issue(t.Context(), Request{CustomerID: &id, Purpose: Login, Locale: "id_ID"})
	if err != nil {
		t.Fatal(err)
	}
	send := store.issued.NewCode
	if send.Challenge.ID != issued.ChallengeID || send.Challenge.Email != "A@example.com" || send.Challenge.Locale != "id" || !send.Deliver || !send.NewChallenge {
		t.Errorf("%+v", send)
	}
	if !issued.ValidUntil.Equal(noon.Add(10*time.Minute)) || !issued.ResendAfter.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v", issued)
	}
	body, err := s.ring.Open(secret.LabelMail, "", send.Sealed)
	if err != nil || !bytes.Contains(body, []byte("kode")) || !bytes.Contains(body, []byte("<html")) {
		t.Errorf("%s, %v", body, err)
	}
	if bytes.Contains(send.Sealed, []byte("kode")) {
		t.Error("the body is readable")
	}
	if s.counted(Login, eventIssued) != 1 || s.counted(Login, eventDecoy) != 0 {
		t.Error("events")
	}
}

// What was not committed did not happen.
func TestFailedCommitIsNoEvent(t *testing.T) {
	t.Parallel()
	broken := problem.New(problem.Unavailable, "later").WithCause(errors.New("connection lost"))
	store := &table{state: State{At: noon}, err: broken}
	s := newTestService(t, store)
	if _, err := s.Issue(t.Context(), Request{Email: "a@example.com", Purpose: Login}); !errors.Is(err, broken) {
		t.Errorf("issue: %v", err)
	}
	store.state.Challenge = &Challenge{ID: uuid.New(), Purpose: Login, Status: Pending, Wrong: 1, ValidUntil: noon.Add(time.Minute)}
	store.state.Counted = true
	v, err := s.Verify(t.Context(), store.state.Challenge.ID, "123456", "")
	if !errors.Is(err, broken) || !v.VerifiedAt.IsZero() {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if s.counted(Login, eventIssued)+s.counted(Login, eventDecoy)+s.counted(Login, eventIncorrect) != 0 {
		t.Error("events were counted")
	}
}

// A random source that fails, or data whose key is gone, ends the call before
// anything is written.
func TestNothingIsWrittenWithoutSecrets(t *testing.T) {
	t.Parallel()
	store := &table{state: State{At: noon}}
	s := newTestService(t, store)
	s.random = bytes.NewReader(nil)
	if _, err := s.Issue(t.Context(), Request{Email: "a@example.com", Purpose: Login}); err == nil || store.issued.NewCode != nil {
		t.Errorf("issue: %v", err)
	}
	c := &Challenge{ID: uuid.New(), Purpose: Registration, Email: "a@example.com", Status: Pending, Wrong: 1, ValidUntil: noon.Add(time.Minute), Data: []byte("?")}
	keyID, hash := hashCode(s.ring, c.ID, c.Purpose, "123456")
	store.state = State{At: noon, Challenge: c, Counted: true, Codes: []Code{{ID: 1, KeyID: keyID, Hash: hash, ValidUntil: noon.Add(time.Minute)}}}
	v, err := s.Verify(t.Context(), c.ID, "123456", "")
	if problem.SlugOf(err) != problem.Internal || store.verified.Action != DoNothing || v.Data != nil {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

func TestExpiredCodeAmongLiveOnesIsWrong(t *testing.T) {
	t.Parallel()
	store := &table{}
	s := newTestService(t, store)
	c := &Challenge{ID: uuid.New(), Purpose: Login, Status: Pending, Wrong: 1, ValidUntil: noon.Add(time.Minute)}
	keyID, old := hashCode(s.ring, c.ID, c.Purpose, "111111")
	_, fresh := hashCode(s.ring, c.ID, c.Purpose, "222222")
	store.state = State{At: noon, Challenge: c, Counted: true, Codes: []Code{
		{ID: 1, KeyID: keyID, Hash: old, ValidUntil: noon}, {ID: 2, KeyID: keyID, Hash: fresh, ValidUntil: noon.Add(time.Minute)},
	}}
	if _, err := s.Verify(t.Context(), c.ID, "111111", ""); problem.SlugOf(err) != problem.OTPIncorrect {
		t.Errorf("the expired code: %v", err)
	}
	store.consumed = Consumed{Found: true, Status: Verified, At: noon}
	if v, err := s.Verify(t.Context(), c.ID, "222222", ""); err != nil || store.verified.CodeID != 2 || !v.VerifiedAt.Equal(noon) {
		t.Errorf("the live code: %+v, %v", v, err)
	}
}
