package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// A look that finds nothing reads the same few rows however many are scheduled for later.
func TestMailAnnounceLeavesLaterRowsAlone(t *testing.T) {
	t.Parallel()
	const later = 5000
	db := pgtest.NewDB(t)
	pool := openMailPool(t, db.URL)
	s := postgres.NewMail(pool)
	enqueueMany(t, db, later)
	db.Exec(t, "UPDATE sespan.mail_queue SET state = 'scheduled', due_at = now() + interval '1 day'")
	db.Exec(t, "VACUUM (ANALYZE) sespan.mail_queue")
	o := lanesOf(100, 100)
	mark(t, s, o)
	db.Exec(t, "SELECT pg_stat_reset()")
	for _, sweep := range []bool{false, true} {
		for lane := range o.Lanes {
			o.Lanes[lane].Sweep = sweep
		}
		for range 10 {
			mark(t, s, o)
		}
	}
	pool.Close() // its sessions tell their counts
	eventually(t, db, "the counts are in", "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sespan'")
	if n := mailValue[int64](t, db, "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'mail_queue'"); n > later/10 {
		t.Errorf("20 looks that found nothing read %d rows beside %d", n, later)
	}
}

// Where all that could be announced is locked, nothing says that more can be marked at
// once: the announcer would look again and again.
func TestMailAnnounceWaitsForLockedRows(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 100)
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "SELECT FROM sespan.mail_queue ORDER BY queue_id LIMIT 20 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if m := mark(t, s, lanesOf(50, 20))[mail.LaneNormal]; len(m.QueueIDs) != 0 || m.More {
		t.Errorf("behind locked rows: %+v", m)
	}
	_ = tx.Rollback(t.Context())
	if m := mark(t, s, lanesOf(50, 20))[mail.LaneNormal]; len(m.QueueIDs) != 20 || !m.More {
		t.Errorf("without the lock: %+v", m)
	}
}

// A mail that nobody claims is seen beside more urgent ones of its lane that are new.
func TestMailFallbackSeesEachPriority(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	if _, err := s.Heartbeat(t.Context(), mail.Heartbeat{Worker: 7, Dispatch: "amqp", Announcer: &mail.AnnouncerLiveness{}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lost, flows int
		age         time.Duration
		want        mail.Fallback
	}{
		{3, 0, 4 * time.Second, mail.Fallback{Urgent: true, Reason: "urgent_waits"}},
		{6, 4, 16 * time.Second, mail.Fallback{Others: true, Reason: "others_wait"}},
		{9, 7, 14 * time.Second, mail.Fallback{}},
	} {
		db.Exec(t, "DELETE FROM sespan.mail_queue")
		db.Exec(t, "SELECT sespan.mail_announce_reset()")
		lost := mailValue[int64](t, db, "SELECT sespan.mail_enqueue(recipient => 'late@example.org', subject => 'S', body_text => 'x', priority => $1::smallint)", c.lost)
		mark(t, s, lanesOf(10, 10))
		mailExec(t, db, "UPDATE sespan.mail_queue SET due_at = due_at - $2::interval - interval '1 s', announced_at = announced_at - $2::interval WHERE message_id = $1", lost, c.age)
		mailValue[int64](t, db, "SELECT sespan.mail_enqueue(recipient => 'a@example.org', subject => 'S', body_text => 'x', priority => $1::smallint)", c.flows)
		mark(t, s, lanesOf(10, 10))
		if got, err := s.Fallback(t.Context()); err != nil || got != c.want {
			t.Errorf("priority %d announced %v ago, beside one of %d: %+v (%v), want %+v", c.lost, c.age, c.flows, got, err, c.want)
		}
	}
}
