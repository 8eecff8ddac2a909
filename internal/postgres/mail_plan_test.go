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

// A plan that was made for an empty queue must not read a full one as a whole:
// the statements of the worker are planned before the mails come.
func TestMailPlansStayWithTheIndexes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool := openMailPool(t, db.URL)
	s := postgres.NewMail(pool)
	everyStatement(t, s, 1)
	enqueueMany(t, db, 3000)
	for token := int64(2); token < 12; token++ {
		everyStatement(t, s, token)
	}
	pool.Close() // its sessions tell their counts
	eventually(t, db, "the counts are in", "SELECT sum(idx_scan) > 0 FROM pg_stat_user_tables WHERE relname = 'mail_queue'")
	rows, err := db.Pool.Query(t.Context(), `SELECT relname, seq_tup_read FROM pg_stat_user_tables
		WHERE relname ~ '^mail_(queue|message|outcome)' AND seq_tup_read > 0`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var read int64
		if err := rows.Scan(&table, &read); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d rows of %s were read in sequence", read, table)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
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
	if _, err := s.Fallback(tb.Context()); err != nil {
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
