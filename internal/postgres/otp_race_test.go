package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

// concurrently runs fn n times at once and counts the answers. Who is asked to retry
// later does, as a caller would: on a busy machine a lock may not be had in time.
func concurrently(n int, fn func(i int) error) map[problem.Slug]int {
	start, slugs := make(chan struct{}), make(chan problem.Slug, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			slug := problem.SlugOf(fn(i))
			for tries := 0; slug == problem.Unavailable && tries < 100; tries++ {
				slug = problem.SlugOf(fn(i))
			}
			slugs <- slug
		})
	}
	close(start)
	wg.Wait()
	close(slugs)
	count := map[problem.Slug]int{}
	for s := range slugs {
		count[s]++
	}
	return count
}

func TestParallelGuessesAreBounded(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 16})
	pgtest.CheckCounts(t, d.db)
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	guess := wrong(d.code(t))
	got := concurrently(50, func(int) error {
		_, err := d.Verify(context.Background(), issued.ChallengeID, guess, "")
		return err
	})
	if got[problem.OTPIncorrect] != 5 || got[problem.OTPLocked] != 45 {
		t.Errorf("50 guesses at once: %v, want 5 compared and 45 refused", got)
	}
	if n := count(t, d.db, `SELECT wrong_guesses FROM sespan.otp_challenge`); n != 5 {
		t.Errorf("%d guesses are counted", n)
	}
}

// Several challenges of one address at once share its ten guesses.
func TestParallelGuessesShareTheBudget(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 16})
	var challenges []uuid.UUID
	for range 4 { // four customers with one address
		id := pgtest.AddRegistering(t, d.db, "x"+uuid.NewString()+"@example.com")
		d.db.Exec(t, `UPDATE public.auth_user SET email = 'a@example.com' WHERE id = $1`, id)
		challenges = append(challenges, d.register(t, id).ChallengeID)
		d.later(t, 61*time.Second) // the address has one mail a minute
	}
	guess := wrong(d.mails(t)[:3]...)
	got := concurrently(40, func(i int) error {
		_, err := d.Verify(context.Background(), challenges[i%4], guess, "")
		return err
	})
	if got[problem.OTPIncorrect] != 10 || got[problem.OTPLocked] != 30 {
		t.Errorf("40 guesses at once: %v, want 10 compared and 30 refused", got)
	}
}

func TestParallelRightCodesCountOnce(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 16})
	pgtest.CheckCounts(t, d.db)
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	code := d.code(t)
	got := concurrently(30, func(int) error {
		_, err := d.Verify(context.Background(), issued.ChallengeID, code, "")
		return err
	})
	if got[""] != 1 || got[problem.OTPUsed] != 29 {
		t.Errorf("30 correct codes at once: %v, want one verified", got)
	}
	if !d.active(t, id) {
		t.Error("the customer is not active")
	}
}

func TestParallelIssuesMailOnce(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 16})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	challenges := make([]uuid.UUID, 30)
	got := concurrently(30, func(i int) error {
		issued, err := d.Issue(context.Background(), otp.Request{CustomerID: &id, Purpose: otp.Registration})
		challenges[i] = issued.ChallengeID
		return err
	})
	if got[""] != 30 || len(d.mails(t)) != 1 {
		t.Errorf("30 requests at once: %v and %d mails, want one mail", got, len(d.mails(t)))
	}
	for _, c := range challenges {
		if c != challenges[0] {
			t.Fatalf("challenges %v and %v", c, challenges[0])
		}
	}
}

// A client that hangs up has guessed all the same.
func TestGuessCountsWhenTheClientHangsUp(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		_, _ = d.Verify(ctx, issued.ChallengeID, wrong(d.code(t)), "")
	}
	if s, err := d.Status(t.Context(), issued.ChallengeID); err != nil || s.AttemptsLeft != 3 {
		t.Errorf("status %+v, %v; want 3 attempts left", s, err)
	}
	if _, err := d.Verify(ctx, issued.ChallengeID, d.code(t), ""); err != nil || !d.active(t, id) {
		t.Errorf("a correct code after hanging up: %v", err)
	}
}

// A lock that somebody else holds is a 503, and the connection lives on.
func TestHeldLocksAreUnavailable(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 1})
	id := pgtest.AddRegistering(t, d.db, "a@example.com")
	issued := d.register(t, id)
	code := d.code(t)
	tx, err := d.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM public.auth_user WHERE id = $1 FOR UPDATE`, id); err != nil {
		t.Fatal(err)
	}
	if p := refused(t, d.verify(t, issued.ChallengeID, code), problem.Unavailable); p.RetryAfter == 0 {
		t.Error("no Retry-After")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Status(t.Context(), issued.ChallengeID); err != nil || s.AttemptsLeft != 5 || s.Status != otp.Pending {
		t.Errorf("status %+v, %v: half written", s, err)
	}
	if err := d.verify(t, issued.ChallengeID, code); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Everything at once, with the site deleting customers in between: calls may be
// asked to retry later, but nothing deadlocks and nothing fails.
func TestMixedLoadHasNoDeadlock(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{conns: 8})
	pgtest.CheckCounts(t, d.db)
	var customers []int64
	for range 6 {
		customers = append(customers, pgtest.AddRegistering(t, d.db, uuid.NewString()+"@example.com"))
	}
	m := &mixer{d: d, customers: customers}
	got := concurrently(12, func(worker int) error {
		r := rand.New(rand.NewPCG(uint64(worker), 7))
		for range 40 {
			if err := m.one(r); err != nil {
				return err
			}
		}
		return nil
	})
	if got[""] != 12 {
		t.Errorf("workers ended with %v: %v", got, m.failure)
	}
	if n := count(t, d.db, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

type mixer struct {
	d         *otpFixture
	customers []int64
	mu        sync.Mutex
	last      []uuid.UUID
	failure   error
}

func (m *mixer) challenge(r *rand.Rand) uuid.UUID {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.last) == 0 {
		return uuid.New()
	}
	return m.last[r.IntN(len(m.last))]
}

func (m *mixer) one(r *rand.Rand) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	id := m.customers[r.IntN(len(m.customers))]
	switch r.IntN(11) {
	case 0, 1, 2:
		purpose := []otp.Purpose{otp.Registration, otp.Login}[r.IntN(2)]
		var issued otp.Issued
		issued, err = m.d.Issue(ctx, otp.Request{CustomerID: &id, Purpose: purpose})
		m.mu.Lock()
		m.last = append(m.last, issued.ChallengeID)
		m.mu.Unlock()
	case 3, 4, 5:
		_, err = m.d.Verify(ctx, m.challenge(r), "123456", "")
	case 6:
		_, err = m.d.Resend(ctx, m.challenge(r))
	case 7:
		_, err = m.d.store.Revoke(ctx, id)
	case 8:
		_, err = m.d.db.Pool.Exec(ctx, `SELECT sespan.otp_supersede($1)`, id)
	case 9:
		err = pgx.BeginFunc(ctx, m.d.db.Pool, func(tx pgx.Tx) error { // as a save by a person
			if _, err := tx.Exec(ctx, `UPDATE public.auth_user SET is_active = NOT is_active WHERE id = $1`, id); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `SELECT sespan.otp_activated($1)`, id)
			return err
		})
	case 10:
		if r.IntN(4) == 0 {
			_, err = m.d.db.Pool.Exec(ctx, `DELETE FROM public.auth_user WHERE id = $1`, id)
		} else {
			_, err = m.d.db.Pool.Exec(ctx, `UPDATE sespan.otp_challenge SET sent_at = sent_at - interval '1 minute' WHERE challenge_id = $1`, m.challenge(r))
		}
	}
	return m.checkAnswer(err)
}

// checkAnswer accepts every answer that a caller can understand.
func (m *mixer) checkAnswer(err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); err == nil || ok && p.Slug != problem.Internal {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
	return err
}
