package postgres_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

// newCounted is a database whose counts are proven when the test ends.
func newCounted(t testing.TB) *pgtest.DB {
	t.Helper()
	db := pgtest.NewDB(t)
	pgtest.CheckCounts(t, db)
	return db
}

// counts gives the folder, with the rights of the service.
func counts(t testing.TB, db *pgtest.DB) *postgres.Counts {
	t.Helper()
	return postgres.NewCounts(openPool(t, db.ServiceURL(t), 2))
}

// fold folds until nothing is fresh. A transaction that is open in the database of
// another test keeps the horizon low, for minutes where it fills a table: so tests that
// fold are not parallel, which lets them run before the parallel ones of this package.
func fold(t testing.TB, c *postgres.Counts) {
	t.Helper()
	eventuallyTrue(t, "all is folded", func() bool {
		done, err := c.Fold(t.Context())
		require.NoError(t, err)
		return done.Ran && done.Fresh == 0
	})
}

// figure reads one number or text.
func figure(t testing.TB, db *pgtest.DB, sql string, args ...any) string {
	t.Helper()
	var got string
	require.NoError(t, db.Pool.QueryRow(t.Context(), "SELECT coalesce(("+sql+")::text, 'NULL')", args...).Scan(&got), sql)
	return got
}

func TestAPIHitsAreCounted(t *testing.T) { //nolint:paralleltest // see fold
	db := newCounted(t)
	store, c := openLog(t, db), counts(t, db)
	at := time.Date(2026, 3, 4, 5, 20, 0, 0, time.UTC)
	entry := func(kind apilog.RequestType, outcome apilog.Outcome, took time.Duration) apilog.Entry {
		e := logEntry()
		e.Type, e.Outcome, e.Requested, e.Responded = kind, outcome, at, at.Add(took)
		return e
	}
	weighted := entry(apilog.OTP, apilog.Failure, 20*time.Millisecond)
	weighted.StandsFor = 41
	batch := []apilog.Entry{
		entry(apilog.OTP, apilog.Success, 5*time.Millisecond), entry(apilog.OTP, apilog.Success, 5*time.Millisecond+time.Microsecond),
		entry(apilog.OTP, apilog.Success, time.Minute), entry(apilog.OTP, apilog.Success, 48*time.Hour),
		entry(apilog.Login, apilog.Failure, 0), weighted,
	}
	for range 2 { // the second time all of it is a replay
		err := store.Insert(t.Context(), batch)
		require.NoError(t, err)
	}
	want := "2026-03-04 05:15:00+00|Login|failure|1|0|1|0|0|0 2026-03-04 05:15:00+00|OTP|failure|41|820000|0|0|41|0 " +
		"2026-03-04 05:15:00+00|OTP|success|4|3660010001|1|1|0|2"
	read := `SELECT string_agg(concat_ws('|', bucket, request_type, outcome, calls, us, le_5, le_10, le_25, le_inf), ' ' ORDER BY request_type, outcome)
		FROM (SELECT bucket, request_type, outcome, sum(calls) AS calls, sum(elapsed_us) AS us, sum(le_5) AS le_5, sum(le_10) AS le_10,
		      sum(le_25) AS le_25, sum(le_inf) AS le_inf FROM sespan.stats_api_total GROUP BY 1, 2, 3) s`
	assert.Equal(t, want, figure(t, db, read), "fresh; a call of two days counts as an hour")
	fold(t, c)
	assert.Equal(t, want, figure(t, db, read), "folded")
	assert.Equal(t, "0", figure(t, db, "SELECT count(*) FROM sespan.stats_api WHERE xid >= (SELECT horizon FROM sespan.stats_horizon)"))
	assert.Equal(t, "46", figure(t, db, "SELECT sum(calls) FROM sespan.stats_api_day_total WHERE day = '2026-03-04'"))
}

// A row that the database refuses is left out and its neighbours are counted once,
// however the batch was cut into halves. No time is too far, no call too long.
func TestRefusedRowsAndFarTimesFailNoCount(t *testing.T) { //nolint:paralleltest // see fold
	db := newCounted(t)
	logger := apilog.New(openLog(t, db), apilog.Options{Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Wait: time.Minute})
	done := make(chan error, 64)
	for i := range cap(done) {
		e := logEntry()
		if i%9 == 4 {
			e.Type = "Nonsense"
		}
		go func() { done <- logger.Write(t.Context(), e) }()
	}
	refusals := 0
	for range cap(done) {
		if err := <-done; err != nil {
			refusals++
		}
	}
	logger.Close()
	assert.Equal(t, 7, refusals)
	assert.Equal(t, "57", figure(t, db, "SELECT sum(calls) FROM sespan.stats_api_total"))
	for _, when := range []string{"4713-01-02 00:00+00 BC", "294276-12-31 23:59:59+00", "infinity", "-infinity"} {
		db.Exec(t, `INSERT INTO sespan.api_log (response_id, request_type, request_header, response_header, status, outcome,
			status_details, time_requested, time_responded, elapsed_time, stands_for)
			VALUES (gen_random_uuid(), 'OTP', '{}', '{}', 200, 'success', '', $1, now(), interval '178000000 years', 1000000)`, when)
	}
	fold(t, counts(t, db))
	assert.Equal(t, "4000057", figure(t, db, "SELECT sum(calls) FROM sespan.stats_api_total"))
}

func TestCodesAreCounted(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	pgtest.CheckCounts(t, d.db)
	read := `SELECT concat_ws(' ', sum(issued), sum(resent), sum(verified), sum(failed), sum(locked), sum(expired)) FROM sespan.stats_otp_total`
	customer := pgtest.AddRegistering(t, d.db, "sari@example.com")
	issued := d.register(t, customer)
	assert.Equal(t, "1 0 0 0 0 0", figure(t, d.db, read))

	d.issue(t, otp.Request{Email: "nobody@example.com", Purpose: otp.Login}) // a decoy: nobody is mailed
	assert.Equal(t, "1 0 0 0 0 0", figure(t, d.db, read), "a decoy")

	require.Error(t, d.verify(t, issued.ChallengeID, wrong(d.code(t))))
	assert.Equal(t, "1 0 0 1 0 0", figure(t, d.db, read))
	require.NoError(t, d.verify(t, issued.ChallengeID, d.code(t)))
	assert.Equal(t, "1 0 1 1 0 0", figure(t, d.db, read), "a right guess is no wrong one")

	d.laterForBudgets(t, 2*time.Minute)
	d.issue(t, otp.Request{Email: "sari@example.com", Purpose: otp.Registration}) // "you have an account"
	assert.Equal(t, "1 0 1 1 0 0", figure(t, d.db, read), "a notice is no code")

	d.laterForBudgets(t, 2*time.Minute)
	second := d.issue(t, otp.Request{CustomerID: &customer, Purpose: otp.Login})
	for range 6 {
		assert.Error(t, d.verify(t, second.ChallengeID, wrong(d.mails(t)[2])))
	}
	assert.Equal(t, "2 0 1 6 1 0", figure(t, d.db, read), "five wrong guesses, and a lock")

	d.db.Exec(t, "DELETE FROM public.auth_user WHERE id = $1", customer)
	assert.Equal(t, "2 0 1 6 1 0", figure(t, d.db, read), "counts outlive the customer")
	assert.Equal(t, "2 1", figure(t, d.db, "SELECT concat_ws(' ', sum(gone_issued), sum(gone_verified)) FROM sespan.stats_otp"))
}

func TestResentAndExpiredCodesAreCounted(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	customer := pgtest.AddCustomer(t, d.db, "budi@example.com", true)
	issued := d.issue(t, otp.Request{CustomerID: &customer, Purpose: otp.Login})
	d.later(t, 2*time.Minute)
	_, err := d.Resend(t.Context(), issued.ChallengeID)
	require.NoError(t, err)
	d.issue(t, otp.Request{Email: "nobody@example.com", Purpose: otp.Login})
	d.later(t, 11*time.Minute)
	for range 2 {
		_, err = d.store.Sweep(t.Context(), (30 * 24 * time.Hour).Seconds(), 100)
		require.NoError(t, err)
	}
	assert.Equal(t, "1 1 0 0 2", figure(t, d.db,
		"SELECT concat_ws(' ', sum(issued), sum(resent), sum(verified), sum(failed), sum(expired)) FROM sespan.stats_otp_total WHERE purpose = 'login'"))
	assert.Equal(t, "true", figure(t, d.db, `SELECT bool_and(EXISTS (SELECT FROM sespan.otp o WHERE date_bin('15 minutes', o.valid_until, '2000-01-01Z') = s.bucket))
		FROM sespan.stats_otp_total s WHERE s.expired > 0`), "a code expires at valid_until, not when it is marked")
}

func TestDrawsAreCounted(t *testing.T) { //nolint:paralleltest // see fold
	s := newShop(t)
	pgtest.CheckCounts(t, s.DB)
	tier := s.tier(t, "0.25", "0.10", func(x *transaction.Tier) { uses := int64(1); x.MinimumTransaction, x.BudgetUses = decp("100"), &uses })
	low, high := uint64(1)<<60, uint64(1)<<63
	s.draw(t, one(1, "a", "1000.00", low), one(2, "b", "200.00", low), one(3, "c", "300.00", high), one(4, "d", "50.00", low))
	s.draw(t, one(1, "a", "1000.00", low)) // again: the same result
	read := `SELECT concat_ws(' ', sum(draws), sum(wins), sum(capped), sum(promised)::numeric(10, 4), sum(amount), sum(discount), sum(cancelled), sum(cancelled_wins),
		sum(cancelled_amount), sum(cancelled_discount)) FROM sespan.stats_transaction_total WHERE tier_id IS NOT DISTINCT FROM `
	won := s.text(t, "SELECT min(order_ref) FROM sespan.transaction_log WHERE discounted")
	amount := map[string]string{"a": "1000.00", "b": "200.00"}[won]
	discount := map[string]string{"a": "100.00", "b": "20.00"}[won]
	assert.Equal(t, "3 1 1 0.7500 1500.00 "+discount+" 0 0 0 0", s.text(t, read+"$1", tier))
	assert.Equal(t, "1 0 0 0.0000 50.00 0.00 0 0 0 0", s.text(t, read+"NULL"), "without a tier")
	for range 2 { // the second time it is cancelled already
		s.exec(t, "SELECT sespan.transaction_cancel(transaction_id) FROM sespan.transaction_log WHERE order_ref = $1", won)
	}
	want := "3 1 1 0.7500 1500.00 " + discount + " 1 1 " + amount + " " + discount
	assert.Equal(t, want, s.text(t, read+"$1", tier))
	fold(t, counts(t, s.DB))
	assert.Equal(t, want, s.text(t, read+"$1", tier))
}

func TestMailsAreCounted(t *testing.T) { //nolint:paralleltest // see fold
	db := newCounted(t)
	admin, queue := openMailAdmin(t, db), postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	read := `SELECT string_agg(concat(outcome, ' ', n), ', ' ORDER BY outcome) FROM (SELECT outcome, sum(mails) AS n FROM sespan.stats_mail_total GROUP BY 1) s WHERE n <> 0`
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
	settle(t, queue, mail.StateRetry, claim(t, queue, -1, 10, time.Minute)...)
	assert.Equal(t, "retried 1", figure(t, db, read))
	db.Exec(t, "UPDATE sespan.mail_queue SET due_at = now()")
	settle(t, queue, mail.StateDead, claim(t, queue, -1, 10, time.Minute)...)
	assert.Equal(t, "dead 1, retried 1", figure(t, db, read))
	db.Exec(t, "UPDATE sespan.mail_outcome SET finished_at = finished_at - interval '3 days'")
	fold(t, counts(t, db))

	require.True(t, changeOf(t, admin.Retry, id).Changed)
	assert.Equal(t, "retried 1", figure(t, db, read), "a person's retry takes the death back")
	assert.Equal(t, "0", figure(t, db, "SELECT sum(mails) FROM sespan.stats_mail_total WHERE bucket < now() - interval '2 days'"), "where it was counted")
	settle(t, queue, mail.StateSent, claim(t, queue, -1, 10, time.Minute)...)
	assert.Equal(t, "retried 1, sent 1", figure(t, db, read))

	other := enqueue(t, db, "recipient => 'c@d.co', body_text => 'x'")
	settle(t, queue, mail.StateDead, claim(t, queue, -1, 10, time.Minute)...)
	require.True(t, changeOf(t, admin.Cancel, other).Changed)
	assert.Equal(t, "cancelled 1, retried 1, sent 1", figure(t, db, read))
}

// A transaction that is rolled back counts nothing, and a savepoint in it neither.
func TestRolledBackRowsAreNotCounted(t *testing.T) { //nolint:paralleltest // see fold
	db := newCounted(t)
	insert := `INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, recipient) VALUES (1, 1, now(), 'sent', 1, 'a@b.co')`
	rollback := errors.New("rolled back")
	err := inTx(t, db, func(exec func(string)) error {
		exec(insert)
		return rollback
	})
	require.ErrorIs(t, err, rollback)
	require.NoError(t, inTx(t, db, func(exec func(string)) error {
		exec("SAVEPOINT a; " + insert)
		exec("ROLLBACK TO a; " + insert)
		return nil
	}))
	assert.Equal(t, "1", figure(t, db, "SELECT sum(mails) FROM sespan.stats_mail_total"))
	fold(t, counts(t, db))
	assert.Equal(t, "1", figure(t, db, "SELECT sum(mails) FROM sespan.stats_mail_total"))
}
