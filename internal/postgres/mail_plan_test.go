package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// A plan that was made for other rows than there are must not read the tables as a whole:
// the statements of the worker are planned before the mails come, or with the statistics of
// a moment at which PostgreSQL saw none.
func TestMailPlansStayWithTheIndexes(t *testing.T) {
	t.Parallel()
	const mails = 3000
	analyse := func(t *testing.T, db *pgtest.DB) {
		t.Helper()
		for _, table := range []string{"mail_queue", "mail_message", "mail_outcome", "mail_idempotency"} {
			db.Exec(t, "VACUUM (ANALYZE) sespan."+table)
		}
	}
	for name, prepare := range map[string]func(t *testing.T, db *pgtest.DB, plan func()){
		"planned while empty": func(t *testing.T, db *pgtest.DB, plan func()) {
			t.Helper()
			plan()
			enqueueMany(t, db, mails)
		},
		"analysed and planned while empty": func(t *testing.T, db *pgtest.DB, plan func()) {
			t.Helper()
			analyse(t, db)
			plan()
			enqueueMany(t, db, mails)
		},
		"analysed before the commit": func(t *testing.T, db *pgtest.DB, _ func()) {
			t.Helper()
			enqueueWhile(t, db, mails, func() { analyse(t, db) })
		},
		"analysed": func(t *testing.T, db *pgtest.DB, _ func()) {
			t.Helper()
			enqueueMany(t, db, mails)
			analyse(t, db)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			pool := openMailPool(t, db.URL)
			s := postgres.NewMail(pool)
			prepare(t, db, func() { everyStatement(t, s, 1) })
			db.Exec(t, "SELECT pg_stat_reset()")
			for token := int64(2); token < 12; token++ {
				everyStatement(t, s, token)
			}
			pool.Close() // its sessions tell their counts
			eventually(t, db, "the counts are in", "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sespan'")
			for _, table := range []string{"queue", "message", "outcome"} {
				var bySequence, byIndex int
				err := db.Pool.QueryRow(t.Context(), `SELECT sum(seq_tup_read)::int, sum(idx_tup_fetch)::int FROM pg_stat_user_tables
					WHERE relname ~ ('^mail_' || $1)`, table).Scan(&bySequence, &byIndex)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: %d rows by index", table, byIndex)
				if bySequence > 0 || byIndex > 5*mails {
					t.Errorf("of mail_%s %d rows were read in sequence and %d by index, for 10 claims of 100", table, bySequence, byIndex)
				}
			}
		})
	}
}

// enqueueWhile does something while a transaction has enqueued mails and not committed.
func enqueueWhile(tb testing.TB, db *pgtest.DB, n int, meanwhile func()) {
	tb.Helper()
	tx, err := db.Pool.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = tx.Rollback(tb.Context()) }()
	if _, err := tx.Exec(tb.Context(), `SELECT count(sespan.mail_enqueue(recipient => 'r' || i || '@example.org', subject => 's', body_text => 't'))
		FROM generate_series(1, $1::int) i`, n); err != nil {
		tb.Fatal(err)
	}
	meanwhile()
	if err := tx.Commit(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

func everyStatement(tb testing.TB, s *postgres.Mail, token int64) {
	tb.Helper()
	rows := claim(tb, s, token, 100, time.Minute)
	leases := leasesOf(rows, "")
	if _, err := s.MarkSending(tb.Context(), leases); err != nil {
		tb.Fatal(err)
	}
	if _, err := s.RenewLeases(tb.Context(), leases, time.Minute); err != nil {
		tb.Fatal(err)
	}
	half := len(rows) / 2
	settle(tb, s, mail.StateSent, rows[:half]...)
	settle(tb, s, mail.StateRetry, rows[half:]...)
	if err := s.Release(tb.Context(), leases); err != nil {
		tb.Fatal(err)
	}
	announced := make([]int64, 50) // messages
	for i := range announced {
		announced[i] = 1000 + 100*token + int64(i)
	}
	named, _ := claimByKey(tb, s, -token, 30, announced...)
	settle(tb, s, mail.StateSent, named...)
	var marked []mail.Announcement
	for _, m := range mark(tb, s, lanesOf(50, 50)) {
		for _, id := range m.QueueIDs {
			marked = append(marked, mail.Announcement{QueueID: id, At: m.At})
		}
	}
	if _, err := s.ClearMarks(tb.Context(), marked); err != nil {
		tb.Fatal(err)
	}
	if _, err := s.Fallback(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if _, err := s.Unclaimed(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if _, err := s.NextDue(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := s.Cleanup(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkMailDrain drains the queue into a sender that does nothing: what the
// queue alone can do, on the tests' PostgreSQL (fsync off).
//
//	go test -run '^$' -bench MailDrain ./internal/postgres
func BenchmarkMailDrain(b *testing.B) {
	for _, connections := range []int{4, 32} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			db := pgtest.NewDB(b)
			enqueueMany(b, db, b.N)
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			box := senderTo(func() {
				if left.Add(-1) == 0 {
					close(done)
				}
			})
			b.ResetTimer()
			startWorker(b, db, box, func(c *mail.WorkerConfig) { c.Connections = connections })
			<-done
			eventually(b, db, "results are written", queueEmpty)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}

// BenchmarkMailEnqueue enqueues a code-sized mail by each call, and by a thousand.
func BenchmarkMailEnqueue(b *testing.B) {
	const one = `recipient => 'anna@example.org', subject => 'Your code', category => 'code', priority => 1, body_text => repeat('Your code is 123456. ', 30),
		body_html => repeat('<p>Your code is <b>123456</b>. It is valid for ten minutes.</p>', 30)`
	b.Run("single", func(b *testing.B) {
		db := pgtest.NewDB(b)
		for b.Loop() {
			enqueue(b, db, one)
		}
	})
	b.Run("batch", func(b *testing.B) {
		db := pgtest.NewDB(b)
		for b.Loop() {
			_, err := db.Pool.Exec(b.Context(), `SELECT sespan.mail_enqueue_batch(jsonb_agg(jsonb_build_object('recipient', 'anna@example.org',
				'subject', 'Your code', 'body_text', repeat('Your code is 123456. ', 30), 'priority', 1, 'category', 'code',
				'body_html', repeat('<p>Your code is <b>123456</b>. It is valid for ten minutes.</p>', 30)))) FROM generate_series(1, 1000)`)
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	})
}
