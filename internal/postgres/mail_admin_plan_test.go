package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devtools/pgtest"
)

// seqRead is how many rows of the mail tables were read in sequence so far.
const seqRead = `SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE schemaname = 'sespan' AND relname ~ '^mail_(queue|message|outcome|attachment)'`

// fillQueue fills the tables: 18000 mails that are done over a week, 2000 that wait.
func fillQueue(tb testing.TB, db *pgtest.DB) {
	tb.Helper()
	enqueueMany(tb, db, 20_000)
	db.Exec(tb, `WITH q AS (DELETE FROM sespan.mail_queue WHERE message_id <= 18000 RETURNING *)
		INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, recipient)
		SELECT queue_id, message_id, created_at, created_at - make_interval(secs => (20000 - message_id) * 30), CASE WHEN message_id % 100 = 0 THEN 'dead' ELSE 'sent' END, 1, recipient FROM q`)
	db.Exec(tb, `UPDATE sespan.mail_message m SET pending = 0, sent = (o.state = 'sent')::int, dead = (o.state = 'dead')::int, finished_at = o.finished_at
		FROM sespan.mail_outcome o WHERE o.message_id = m.message_id AND o.created_at = m.created_at`)
	db.Exec(tb, "ANALYZE sespan.mail_queue, sespan.mail_message, sespan.mail_outcome")
	summarize(tb, db)
	db.Pool.Reset() // an ended session has told its counts; an idle one may tell them any time later
}

// summarize does now what autovacuum would do at any time later: to describe a
// range of blocks in a BRIN index it reads them, which counts as a sequential
// read of the table.
func summarize(tb testing.TB, db *pgtest.DB) {
	tb.Helper()
	db.Exec(tb, `SELECT sum(brin_summarize_new_values(c.oid)) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE a.amname = 'brin' AND c.relkind = 'i' AND c.relnamespace = 'sespan'::regnamespace`)
}

// django-post_office: an admin page dead at 200,000 rows. What people call reads
// by indexes only, whatever the size. mail_status and mail_stuck read the hot
// table, once, because they speak of all of it.
func TestMailAdminReadsByIndexes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	fillQueue(t, db)
	for _, call := range []string{
		"SELECT * FROM sespan.mail_why(100)", "SELECT * FROM sespan.mail_why(7)", "SELECT * FROM sespan.mail_why(20000)",
		"SELECT * FROM sespan.mail_find()", "SELECT * FROM sespan.mail_find('dead')", "SELECT * FROM sespan.mail_find('sent', before => 9000)",
		"SELECT * FROM sespan.mail_find(recipient => 'r77@', before => 500, after => 1)",
		"SELECT * FROM sespan.mail_preview(100)", "SELECT sespan.mail_dead_count()", "SELECT * FROM sespan.mail_throughput",
		"SELECT * FROM sespan.mail_dead ORDER BY finished_at DESC LIMIT 20",
		"SELECT * FROM sespan.mail_retry(ARRAY(SELECT generate_series(100, 3000, 100)))", "SELECT * FROM sespan.mail_cancel(ARRAY(SELECT generate_series(100, 3000, 100)))",
		"SELECT * FROM sespan.mail_cancel(ARRAY[4000, 4100, 5])", "SELECT * FROM sespan.mail_pause('domain:example.org')", "SELECT * FROM sespan.mail_resume('domain:example.org')",
		"SELECT sespan.mail_unpark(100)", "SELECT * FROM sespan.mail_retire()", "SELECT * FROM sespan.mail_attachment_release(NULL, NULL, 100)",
		"SELECT * FROM sespan.mail_attachment_sweep(100)",
	} {
		before := settledReads(t, db)
		pool, err := pgxpool.New(t.Context(), db.URL)
		if err != nil {
			t.Fatal(err)
		}
		for range 7 { // from the sixth on a plan may be a generic one
			if _, err := pool.Exec(t.Context(), call); err != nil {
				t.Fatalf("%s: %v", call, err)
			}
		}
		pool.Close() // its sessions tell their counts
		if n := settledReads(t, db) - before; n > 0 {
			t.Errorf("%s read %d rows in sequence", call, n)
		}
	}
}

// settledReads waits until no other session is left that could tell more.
func settledReads(tb testing.TB, db *pgtest.DB) int64 {
	tb.Helper()
	eventually(tb, db, "the others are gone", `SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = '' AND (state IS NOT NULL OR backend_type = 'autovacuum worker') AND coalesce(query, '') NOT LIKE '%pg_stat%'`)
	return mailValue[int64](tb, db, seqRead)
}
