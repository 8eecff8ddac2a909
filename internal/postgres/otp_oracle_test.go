package postgres_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

// statementsRun notes the text of each statement that a pool runs.
type statementsRun struct {
	mu   sync.Mutex
	text []string
}

func (s *statementsRun) add(sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, strings.SplitN(strings.TrimPrefix(sql, "-- name: "), "\n", 2)[0])
}

func (s *statementsRun) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.text
	s.text = nil
	return taken
}

func (s *statementsRun) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.add(d.SQL)
	return ctx
}
func (s *statementsRun) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *statementsRun) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (s *statementsRun) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	s.add(d.SQL)
}

func (s *statementsRun) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// Whoever has the address, a call runs the same statements in the same order, holds
// the same locks when its mail is counted, the last thing that it does, and answers
// alike. Only the mail and its count differ.
func TestKnownAndUnknownCostTheSame(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	run := &statementsRun{}
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: d.login.URL, MaxConns: 1, Tracer: run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d.traced(t, pool)
	d.noteLocks(t)
	pgtest.AddCustomer(t, d.db, "active@example.com", true)
	pgtest.AddCustomer(t, d.db, "banned@example.com", false)
	pgtest.AddCustomer(t, d.db, "twice@example.com", true)
	d.db.Exec(t, `INSERT INTO public.auth_user (username, email, is_active) VALUES ('again', 'TWICE@example.com', true)`)
	for _, purpose := range []otp.Purpose{otp.Login, otp.Registration} {
		var want string
		for _, who := range []string{"warm", "nobody", "active", "banned", "twice"} {
			got := d.observe(t, run, who+"@example.com", purpose)
			switch {
			case who == "nobody":
				want = got
			case who != "warm" && got != want:
				t.Errorf("%s, %s:\n%s\nnobody:\n%s", purpose, who, got, want)
			}
		}
		d.later(t, 25*time.Hour)
	}
}

// observe asks for a code in every way and gives what that cost.
func (d *otpFixture) observe(t *testing.T, run *statementsRun, email string, purpose otp.Purpose) string {
	t.Helper()
	var seen []string
	note := func(what string, err error) {
		var locks string
		if err := d.db.Pool.QueryRow(t.Context(), `WITH l AS (DELETE FROM public.lock_seen RETURNING lock)
			SELECT coalesce(string_agg(DISTINCT lock, ', ' ORDER BY lock), '') FROM l`).Scan(&locks); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprintf("%s: %s; %s; %s", what, problem.SlugOf(err), strings.Join(run.taken(), " "), locks))
	}
	run.taken()
	issued, err := d.Issue(t.Context(), otp.Request{Email: email, Purpose: purpose})
	note("issue", err)
	_, err = d.Issue(t.Context(), otp.Request{Email: email, Purpose: purpose})
	note("again", err)
	_, err = d.Resend(t.Context(), issued.ChallengeID)
	note("resend too early", err)
	d.later(t, time.Minute)
	_, err = d.Resend(t.Context(), issued.ChallengeID)
	note("resend", err)
	note("wrong code", d.verify(t, issued.ChallengeID, wrong(d.mails(t)...)))
	_, err = d.Status(t.Context(), issued.ChallengeID)
	note("status", err)
	return strings.Join(seen, "\n")
}

// traced makes the service on the pool.
func (d *otpFixture) traced(t *testing.T, pool *postgres.Pool) {
	t.Helper()
	ring, err := secret.Parse(secret.Generate("k1"))
	if err != nil {
		t.Fatal(err)
	}
	mailer, err := otp.NewMailer(otp.MailerOptions{Life: 10 * time.Minute, Link: "https://shop.example/account/code/"})
	if err != nil {
		t.Fatal(err)
	}
	d.ring, d.store = ring, postgres.NewOTPStore(pool)
	d.Service = otp.New(otp.Options{
		Store: d.store, Ring: ring, Mailer: mailer, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Registerer: prometheus.NewRegistry(), Life: 10 * time.Minute,
	})
}

// noteLocks writes down what a transaction holds when it counts its mail, which is
// the last thing that it does.
func (d *otpFixture) noteLocks(t *testing.T) {
	t.Helper()
	for _, statement := range []string{
		`CREATE TABLE public.lock_seen (lock text)`, `ALTER TABLE public.lock_seen REPLICA IDENTITY FULL`,
		`CREATE FUNCTION public.lock_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			INSERT INTO public.lock_seen
			SELECT format('%s %s', c.relname, l.mode) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE l.pid = pg_backend_pid() AND n.nspname IN ('sespan', 'public') AND c.relkind IN ('r', 'p') AND c.relname <> 'lock_seen'
				-- Of the mail itself, which a decoy's transaction has undone, and of the foreign key: nobody has no row.
				AND c.relname !~ '^(mail|stats)_' AND NOT (c.relname = 'auth_user' AND l.mode = 'RowShareLock');
			RETURN NULL;
		END $$`,
		`CREATE TRIGGER lock_note AFTER INSERT OR UPDATE ON sespan.budget_site FOR EACH ROW EXECUTE FUNCTION public.lock_note()`,
	} {
		d.db.Exec(t, statement)
	}
}
