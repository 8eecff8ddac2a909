package postgres_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

// otpFixture is the code service on a database of its own, with the rights of the
// service's role.
type otpFixture struct {
	*otp.Service
	store *postgres.OTPStore
	db    *pgtest.DB
	ring  *secret.Ring
	reg   *prometheus.Registry
	login *pgtest.Login
}

type otpOptions struct {
	digits int
	keys   string
	conns  int32
	pooled bool // statements as behind a transaction pooler
}

func newOTPFixture(t testing.TB, o otpOptions) *otpFixture {
	t.Helper()
	db := pgtest.NewDB(t)
	d := &otpFixture{db: db, login: db.Login(t, "", "sespan_service")}
	if o.conns == 0 {
		o.conns = 4
	}
	pool, err := postgres.Open(context.Background(), postgres.Options{URL: d.login.URL, MaxConns: o.conns, Pooled: o.pooled})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d.store = postgres.NewOTPStore(pool)
	if o.keys == "" {
		o.keys = secret.Generate("k1")
	}
	d.start(t, o)
	return d
}

// start makes the service again, as a restart with other settings does.
func (d *otpFixture) start(t testing.TB, o otpOptions) {
	t.Helper()
	var err error
	if d.ring, err = secret.Parse(o.keys); err != nil {
		t.Fatal(err)
	}
	mailer, err := otp.NewMailer(otp.MailerOptions{Site: "Toko", Life: 10 * time.Minute, Link: "https://shop.example/account/code/"})
	if err != nil {
		t.Fatal(err)
	}
	d.reg = prometheus.NewRegistry()
	d.Service = otp.New(otp.Options{
		Store: d.store, Ring: d.ring, Mailer: mailer, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Registerer: d.reg, Life: 10 * time.Minute, Digits: o.digits,
	})
}

func (d *otpFixture) issue(t testing.TB, r otp.Request) otp.Issued {
	t.Helper()
	issued, err := d.Issue(t.Context(), r)
	if err != nil {
		t.Fatalf("issue: %v", err)
	}
	return issued
}

// Resend is asked for by nobody in particular.
func (d *otpFixture) Resend(ctx context.Context, challenge uuid.UUID) (otp.Issued, error) {
	return d.Service.Resend(ctx, challenge, netip.Addr{})
}

func (d *otpFixture) register(t testing.TB, customer int64) otp.Issued {
	t.Helper()
	return d.issue(t, otp.Request{CustomerID: &customer, Purpose: otp.Registration})
}

// later lets the given time pass for all that is stored.
func (d *otpFixture) later(t testing.TB, by time.Duration) {
	t.Helper()
	d.db.MovesRows(t)
	seconds := by.Seconds()
	d.db.Exec(t, `UPDATE sespan.otp SET created_at = created_at - make_interval(secs => $1), valid_until = valid_until - make_interval(secs => $1)`, seconds)
	d.db.Exec(t, `UPDATE sespan.otp_challenge SET created_at = created_at - make_interval(secs => $1), sent_at = sent_at - make_interval(secs => $1),
		valid_until = valid_until - make_interval(secs => $1)`, seconds)
	d.laterForBudgets(t, by)
}

// laterForBudgets lets the given time pass for the budgets alone. Codes stay in the day
// that they were counted in: for tests that prove the counts, at midnight too.
func (d *otpFixture) laterForBudgets(t testing.TB, by time.Duration) {
	t.Helper()
	seconds := by.Seconds()
	d.db.Exec(t, `UPDATE sespan.budget SET touched_at = touched_at - make_interval(secs => $1),
		used_at = ARRAY(SELECT u - make_interval(secs => $1) FROM unnest(used_at) AS u)`, seconds)
	d.db.Exec(t, `UPDATE sespan.otp_budget SET touched_at = touched_at - make_interval(secs => $1),
		wrong_at = ARRAY(SELECT w - make_interval(secs => $1) FROM unnest(wrong_at) AS w)`, seconds)
}

// notice stands among the codes for a mail that tells of an account.
const notice = "notice"

// mails gives the codes that were mailed, the oldest first.
func (d *otpFixture) mails(t testing.TB) []string {
	t.Helper()
	rows, err := d.db.Pool.Query(t.Context(), `SELECT sealed FROM sespan.mail_message ORDER BY message_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var codes []string
	for rows.Next() {
		var sealed []byte
		if err := rows.Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, d.codeIn(t, sealed))
	}
	return codes
}

func (d *otpFixture) codeIn(t testing.TB, sealed []byte) string {
	t.Helper()
	plain, err := d.ring.Open(secret.LabelMail, "", sealed)
	if err != nil {
		t.Fatal(err)
	}
	var body struct{ Text, HTML string }
	if err := json.Unmarshal(plain, &body); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`#code=([0-9]{6,8})\b`).FindStringSubmatch(body.Text)
	switch {
	case found == nil && strings.Contains(body.Text, "There is an account"):
		return notice
	case found == nil:
		t.Fatalf("no code in %q", body.Text)
	}
	return found[1]
}

// code gives the newest code.
func (d *otpFixture) code(t testing.TB) string {
	t.Helper()
	codes := d.mails(t)
	if len(codes) == 0 {
		t.Fatal("nothing was mailed")
	}
	return codes[len(codes)-1]
}

// wrong gives a code that none of the mailed ones is.
func wrong(codes ...string) string {
	digits := 6
	if len(codes) > 0 {
		digits = len(codes[0])
	}
	for _, digit := range []string{"0", "1", "2", "3"} {
		guess := strings.Repeat(digit, digits)
		used := false
		for _, c := range codes {
			used = used || c == guess
		}
		if !used {
			return guess
		}
	}
	panic("at most three codes are alive")
}

func (d *otpFixture) verify(t testing.TB, challenge uuid.UUID, code string) error {
	t.Helper()
	_, err := d.Verify(t.Context(), challenge, code, "")
	return err
}

// refused fails unless err is the problem.
func refused(t testing.TB, err error, want problem.Slug) *problem.Problem {
	t.Helper()
	p, ok := err.(*problem.Problem) //nolint:errorlint // services give it unwrapped
	if !ok || p.Slug != want {
		t.Fatalf("got %v, want the problem %s", err, want)
	}
	return p
}

func (d *otpFixture) events(purpose otp.Purpose, event string) int {
	families, err := d.reg.Gather()
	if err != nil || len(families) != 1 {
		return -1
	}
	for _, m := range families[0].Metric {
		if m.Label[0].GetValue() == event && m.Label[1].GetValue() == string(purpose) {
			return int(m.Counter.GetValue())
		}
	}
	return 0
}

func (d *otpFixture) active(t testing.TB, customer int64) bool {
	t.Helper()
	var active bool
	if err := d.db.Pool.QueryRow(t.Context(), `SELECT coalesce(is_active, false) FROM public.auth_user WHERE id = $1`, customer).Scan(&active); err != nil {
		t.Fatal(err)
	}
	return active
}
