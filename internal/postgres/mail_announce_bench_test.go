package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// A look that finds nothing to announce, beside a million waiting rows: mails of a
// newsletter behind a full window, or mails that are scheduled for later.
func BenchmarkMailAnnounceIdle(b *testing.B) {
	db := pgtest.NewDB(b)
	s := postgres.NewMail(openMailPool(b, db.ServiceURL(b)))
	mailExec(b, db, `INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, size_bytes, priority, recipient, state)
		SELECT i * 1024, i, now(), now() + CASE WHEN i % 2 = 0 THEN interval '0' ELSE interval '1 hour' END, 1000, CASE i % 10 WHEN 8 THEN 5 WHEN 6 THEN 3 ELSE 9 END,
		       'r' || i || '@example.org', CASE WHEN i % 2 = 0 THEN 'queued' ELSE 'scheduled' END
		FROM generate_series(1, 1000000) i`)
	mailExec(b, db, "VACUUM ANALYZE sespan.mail_queue")
	look := func(b *testing.B, window int, sweep, known bool) {
		b.Helper()
		o := lanesOf(window, 500)
		for {
			rows := 0
			for _, m := range mark(b, s, o) {
				rows += len(m.QueueIDs)
			}
			if rows == 0 {
				break
			}
		}
		for i := range o.Lanes {
			o.Lanes[i].Again = time.Hour
		}
		for i := range o.Lanes {
			o.Lanes[i].Sweep = sweep
		}
		for lane, m := range mark(b, s, o) {
			if known {
				o.Lanes[lane].Head = m.Head
			}
		}
		for b.Loop() {
			if m := mark(b, s, o); len(m[mail.LaneBulk].QueueIDs) != 0 || m[mail.LaneBulk].Unchanged != known {
				b.Fatalf("not idle: %+v", m[mail.LaneBulk])
			}
		}
	}
	b.Run("three full windows of 1000, counted", func(b *testing.B) { look(b, 1000, false, false) })
	b.Run("three full windows of 5000, counted", func(b *testing.B) { look(b, 5000, false, false) })
	b.Run("three full windows of 5000, unchanged", func(b *testing.B) { look(b, 5000, false, true) })
	b.Run("the same from the start", func(b *testing.B) { look(b, 5000, true, true) })
	b.Run("nothing is ready", func(b *testing.B) {
		mailExec(b, db, "DELETE FROM sespan.mail_queue WHERE state = 'queued'")
		mark(b, s, lanesOf(5000, 500)) // a look from the start, as there is one all the time
		look(b, 5000, false, false)
	})
	b.Run("whether to fall back", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Fallback(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
