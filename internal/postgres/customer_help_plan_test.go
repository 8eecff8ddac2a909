package postgres_test

import (
	"testing"

	"sespan/internal/devtools/pgtest"
)

// Who helps a customer at the telephone waits for a few rows, however many codes, mails and
// budgets there are: of a customer and of an address without an account alike, and whatever
// the statistics say.
func TestHelpPlansStayWithTheIndexes(t *testing.T) {
	t.Parallel()
	const codes = 3000
	for name, analyse := range map[string]string{"never analysed": "", "analysed": "ANALYZE"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			fillHelp(t, db, codes)
			db.Exec(t, analyse)
			for _, call := range []string{
				`SELECT sespan.customer_help(1000, 'u1000@example.com')`, `SELECT sespan.customer_help(NULL, 'u3@example.com')`,
				`SELECT sespan.customer_help_reset(1000, 'u1000@example.com')`, `SELECT sespan.customer_help_end_codes(1000)`,
			} {
				read := rowsRead(t, db, call)
				t.Logf("%s: %d rows", call, read)
				if read < 1 || read > 100 {
					t.Errorf("%s read %d rows of tables of %d", call, read, codes)
				}
			}
		})
	}
}

// rowsRead counts the rows that a call reads, by sequence or by index.
func rowsRead(t *testing.T, db *pgtest.DB, call string) int {
	t.Helper()
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	// What the session has not told of earlier transactions is in the count, too.
	count := func() (n int) {
		t.Helper()
		if err := tx.QueryRow(t.Context(), `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables
			WHERE schemaname = 'sespan' AND relname ~ '^(otp|budget|mail_(queue|outcome|message|suppression))'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	if _, err := tx.Exec(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	return count() - before
}

// fillHelp makes codes with mails that were sent, a third of them for addresses without an
// account, as many mails that wait, suppressions, rights and budgets.
func fillHelp(t *testing.T, db *pgtest.DB, n int) {
	t.Helper()
	db.Exec(t, `INSERT INTO public.auth_user (id, username, email) SELECT i, i, i || '@example.net' FROM generate_series(1, $1::int) AS i`, n)
	db.Exec(t, `INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key, address_key, known_browser, sent_at, valid_until, decoy, purpose, locale, email)
		SELECT gen_random_uuid(), CASE WHEN i % 3 > 0 THEN i END, sespan.otp_budget_key(a, 'registration', false), a, false, now(), now() + interval '10 min',
			i % 3 = 0, 'registration', 'en', a
		FROM generate_series(1, $1::int) AS i CROSS JOIN LATERAL concat('u', i, '@example.com') AS a`, n)
	db.Exec(t, `INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, message_id, purpose, email, key_id, otp_number)
		SELECT customer_id, challenge_id, valid_until, nextval('sespan.mail_message_id_seq'), purpose, email, 'k1', sha256('') FROM sespan.otp_challenge`)
	db.Exec(t, `INSERT INTO sespan.mail_message (message_id, created_at, size_bytes, recipients, pending, sent)
		SELECT message_id, created_at, 100, 1, 0, 1 FROM sespan.otp`)
	db.Exec(t, `INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, recipient)
		SELECT message_id * 1024, message_id, created_at, 'sent', 1, email FROM sespan.otp`)
	db.Exec(t, `SELECT count(sespan.mail_enqueue(recipient => concat('u', i, '@example.com'), subject => 's', body_text => 'b')) FROM generate_series(1, $1::int) AS i`, n)
	db.Exec(t, `INSERT INTO sespan.mail_suppression (address, scope, reason, source) SELECT 'x' || i || '@example.com', 'all', 'manual', 'x' FROM generate_series(1, $1::int) AS i`, n)
	db.Exec(t, `INSERT INTO sespan.otp_activation (customer_id, granted_at) SELECT i, now() FROM generate_series(1, $1::int) AS i`, n)
	db.Exec(t, `INSERT INTO sespan.budget (budget_key, used_at) SELECT sespan.budget_key('mails_address', email), ARRAY[now()] FROM sespan.otp`)
	db.Exec(t, `INSERT INTO sespan.otp_budget (budget_key, wrong_at) SELECT budget_key, ARRAY[now()] FROM sespan.otp_challenge`)
}
