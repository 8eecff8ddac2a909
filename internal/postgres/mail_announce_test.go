package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// lanesOf gives every lane the same share.
func lanesOf(window, batch int) mail.MarkOptions {
	o := mail.MarkOptions{}
	for i := range o.Lanes {
		o.Lanes[i] = mail.LaneLimit{Window: window, Batch: batch, Again: 30 * time.Second, Repeat: batch, Sweep: true}
	}
	return o
}

// mark looks once; the answer has all three lanes.
func mark(tb testing.TB, s *postgres.Mail, o mail.MarkOptions) [mail.Lanes]mail.Marked {
	tb.Helper()
	list, err := s.Mark(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	var out [mail.Lanes]mail.Marked
	for _, m := range list {
		out[m.Lane] = m
	}
	return out
}

func messages(queueIDs []int64) []int64 {
	out := make([]int64, len(queueIDs))
	for i, id := range queueIDs {
		out[i] = id / 1024
	}
	return out
}

func markedRows(tb testing.TB, db *pgtest.DB) int {
	tb.Helper()
	return mailValue[int](tb, db, "SELECT count(*)::int FROM sespan.mail_queue WHERE announced_at >= due_at AND state IN ('queued', 'scheduled', 'retry')")
}

// What is more urgent is announced first, in a lane of its own, and no window is ever
// overdrawn; a claim makes room.
func TestMailAnnounceOrderAndWindow(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	p6 := enqueue(t, db, "recipient => 'a@example.org', priority => 6, body_text => 'x'")
	p5 := enqueue(t, db, "recipient => 'a@example.org', body_text => 'x'")
	p9 := enqueue(t, db, "recipient => 'a@example.org', priority => 9, body_text => 'x'")
	p3 := enqueue(t, db, "recipient => 'a@example.org', priority => 3, body_text => 'x'")
	p0 := enqueue(t, db, "recipient => 'a@example.org', priority => 0, body_text => 'x'")
	got := mark(t, s, lanesOf(2, 10))
	for lane, want := range [][]int64{{p0, p3}, {p5, p6}, {p9}} {
		if m := got[lane]; !slices.Equal(messages(m.QueueIDs), want) || m.Unclaimed != len(want) || m.Repeated != 0 || m.At.IsZero() {
			t.Errorf("lane %s has %+v, want the messages %v", mail.Lane(lane), m, want)
		}
	}
	p4 := enqueue(t, db, "recipient => 'a@example.org', priority => 4, body_text => 'x'")
	if m := mark(t, s, lanesOf(2, 10))[mail.LaneNormal]; len(m.QueueIDs) != 0 || m.Unclaimed != 2 {
		t.Errorf("the full window took %+v", m)
	}
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'sending', lease_token = 1, leased_until = now() + interval '1 minute' WHERE message_id = $1", p6)
	if m := mark(t, s, lanesOf(2, 10))[mail.LaneNormal]; !slices.Equal(messages(m.QueueIDs), []int64{p4}) || m.Unclaimed != 2 {
		t.Errorf("after a claim the lane has %+v, want message %d", m, p4)
	}
	if counts, err := s.Unclaimed(t.Context()); err != nil || counts != [mail.Lanes]int64{2, 2, 1} {
		t.Errorf("unclaimed are %v (%v)", counts, err)
	}
}

// A full window that begins as it did is taken for full without being counted; a claim of
// what comes first, or a look that counts, makes room.
func TestMailAnnounceFullWindowIsNotCountedAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 200)
	o := lanesOf(100, 100)
	if m := mark(t, s, o)[mail.LaneNormal]; len(m.QueueIDs) != 100 || m.Head == "" {
		t.Fatalf("marked %+v", m)
	}
	look := func(head string) mail.Marked {
		o.Lanes[mail.LaneNormal].Head = head
		return mark(t, s, o)[mail.LaneNormal]
	}
	take := func(n int) { // from the first or, below 0, from the last announced row
		mailExec(t, db, `UPDATE sespan.mail_queue SET state = 'sending', lease_token = 1, leased_until = now() + interval '1 minute'
			WHERE queue_id = (SELECT queue_id FROM sespan.mail_queue WHERE state = 'queued' AND announced_at IS NOT NULL ORDER BY sign($1::int) * queue_id LIMIT 1)`, n)
	}
	full := look("")
	if full.Head == "" || full.Unclaimed != 100 || full.Unchanged {
		t.Fatalf("a full window is %+v", full)
	}
	if m := look(full.Head); !m.Unchanged || len(m.QueueIDs) != 0 {
		t.Errorf("nothing was claimed: %+v", m)
	}
	take(1)
	if m := look(full.Head); m.Unchanged || len(m.QueueIDs) != 1 || m.Unclaimed != 100 {
		t.Errorf("the first was claimed: %+v", m)
	}
	full = look("")
	take(-1)
	if m := look(full.Head); !m.Unchanged {
		t.Errorf("the last was claimed: %+v", m)
	}
	if m := look(""); len(m.QueueIDs) != 1 || m.Unclaimed != 100 {
		t.Errorf("the last was claimed, and it was counted: %+v", m)
	}
}

// Several announcers at once, while others claim: never more than the window.
func TestMailAnnounceWindowOfSeveral(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 3000)
	const window = 100
	var announcers sync.WaitGroup
	seen := make([]map[int64]int, 3)
	for n := range seen {
		seen[n] = map[int64]int{}
		announcers.Go(func() {
			for round := 0; ; round++ {
				o := lanesOf(window, 40)
				for i := range o.Lanes {
					o.Lanes[i].Sweep = round%3 == 0
				}
				list, err := s.Mark(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				for _, m := range list {
					if m.Unclaimed > window {
						t.Errorf("lane %s has %d unclaimed", m.Lane, m.Unclaimed)
					}
					for _, id := range m.QueueIDs {
						seen[n][id]++
					}
				}
				// What is announced is claimed, the oldest first, a part of it.
				mailExec(t, db, `UPDATE sespan.mail_queue q SET state = 'sending', lease_token = 1, leased_until = now() + interval '1 hour'
					WHERE q.queue_id = ANY (ARRAY(SELECT x.queue_id FROM sespan.mail_queue x WHERE x.state = 'queued' AND x.announced_at IS NOT NULL
						ORDER BY x.queue_id LIMIT 30 FOR UPDATE SKIP LOCKED))`)
				if markedRows(t, db) > window {
					t.Errorf("%d rows are marked", markedRows(t, db))
				}
				if mailValue[bool](t, db, "SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE state = 'queued')") {
					return
				}
			}
		})
	}
	announcers.Wait()
	total := map[int64]int{}
	for _, one := range seen {
		for id, n := range one {
			total[id] += n
		}
	}
	for id, n := range total {
		if n != 1 {
			t.Errorf("row %d was marked %d times", id, n)
		}
	}
	if len(total) != 3000 {
		t.Errorf("%d rows were marked, want 3000", len(total))
	}
}

// A transaction that commits late has lower ids than what was announced meanwhile.
func TestMailAnnounceLateCommits(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'late@example.org', body_text => 'x')"); err != nil {
		t.Fatal(err)
	}
	early := enqueue(t, db, "recipient => 'a@example.org', body_text => 'x'")
	if m := mark(t, s, lanesOf(1, 10))[mail.LaneNormal]; !slices.Equal(messages(m.QueueIDs), []int64{early}) {
		t.Fatalf("marked %+v", m)
	}
	mark(t, s, lanesOf(1, 10))
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := mark(t, s, lanesOf(1, 10))[mail.LaneNormal]; len(m.QueueIDs) != 0 || m.Unclaimed != 1 {
		t.Errorf("the full window took %+v", m)
	}
	if m := mark(t, s, lanesOf(2, 10))[mail.LaneNormal]; len(m.QueueIDs) != 1 || m.Unclaimed != 2 {
		t.Errorf("the late one is not announced: %+v", m)
	}
	if m := mark(t, s, lanesOf(2, 10))[mail.LaneNormal]; len(m.QueueIDs) != 0 || m.Unclaimed != 2 {
		t.Errorf("announced once more: %+v", m)
	}
}

// Scheduled rows and retries are announced when they are due, and once each time that
// they become due, also when all are due at one moment.
func TestMailAnnounceDue(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 10)
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'scheduled', due_at = now() + interval '1 hour'")
	if m := mark(t, s, lanesOf(20, 8))[mail.LaneNormal]; len(m.QueueIDs) != 0 || m.More {
		t.Fatalf("what is not due was announced: %+v", m)
	}
	mailExec(t, db, "UPDATE sespan.mail_queue SET due_at = now() - interval '1 second'")
	marked := 0
	for m := mark(t, s, lanesOf(20, 8))[mail.LaneNormal]; len(m.QueueIDs) > 0; m = mark(t, s, lanesOf(20, 8))[mail.LaneNormal] {
		if marked += len(m.QueueIDs); m.Unclaimed != marked || m.Repeated != 0 {
			t.Fatalf("after %d marks %+v", marked, m)
		}
	}
	if marked != 10 {
		t.Fatalf("%d of 10 were announced", marked)
	}
	// A try failed: due again later, so the old mark counts no more.
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'retry', due_at = clock_timestamp() WHERE queue_id = (SELECT min(queue_id) FROM sespan.mail_queue)")
	if m := mark(t, s, lanesOf(20, 8))[mail.LaneNormal]; len(m.QueueIDs) != 1 || m.Repeated != 0 || m.Unclaimed != 10 {
		t.Errorf("the retry has %+v", m)
	}
}

// What nobody claims is announced again after a while, within its window.
func TestMailAnnounceAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 3)
	o := lanesOf(2, 10)
	first := mark(t, s, o)[mail.LaneNormal]
	o.Lanes[mail.LaneNormal].Again = time.Hour
	if m := mark(t, s, o)[mail.LaneNormal]; len(m.QueueIDs) != 0 || m.Oldest <= 0 {
		t.Fatalf("too early: %+v", m)
	}
	o.Lanes[mail.LaneNormal].Again = 0
	m := mark(t, s, o)[mail.LaneNormal]
	if !slices.Equal(m.QueueIDs, first.QueueIDs) || m.Repeated != 2 || m.Unclaimed != 2 || !m.At.After(first.At) {
		t.Errorf("again: %+v, want %v", m, first.QueueIDs)
	}
	// A refusal of the first announcement does not take back the second mark.
	clearMarks := func(at time.Time) int {
		var list []mail.Announcement
		for _, id := range first.QueueIDs {
			list = append(list, mail.Announcement{QueueID: id, At: at})
		}
		n, err := s.ClearMarks(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := clearMarks(first.At); n != 0 {
		t.Errorf("%d later marks were cleared", n)
	}
	if n := clearMarks(m.At); n != 2 {
		t.Errorf("%d marks were cleared, want 2", n)
	}
	if n := markedRows(t, db); n != 0 {
		t.Errorf("%d rows are marked", n)
	}
}

// A pause of everything announces nothing, and its end announces what waited.
func TestMailAnnouncePause(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 2)
	mailExec(t, db, "SELECT sespan.mail_pause('all')")
	if list, err := s.Mark(t.Context(), lanesOf(5, 5)); err != nil || len(list) != 0 {
		t.Errorf("during the pause: %+v (%v)", list, err)
	}
	mailExec(t, db, "SELECT sespan.mail_resume('all')")
	if m := mark(t, s, lanesOf(5, 5))[mail.LaneNormal]; len(m.QueueIDs) != 2 {
		t.Errorf("after the pause: %+v", m)
	}
}

// A row that somebody holds is passed over and announced later.
func TestMailAnnounceSkipsLockedRows(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	enqueueMany(t, db, 3)
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "SELECT FROM sespan.mail_queue ORDER BY queue_id LIMIT 1 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if m := mark(t, s, lanesOf(5, 5))[mail.LaneNormal]; len(m.QueueIDs) != 2 || m.Unclaimed != 2 {
		t.Fatalf("%+v", m)
	}
	_ = tx.Rollback(t.Context())
	o := lanesOf(5, 5)
	o.Lanes[mail.LaneNormal].Sweep = false
	if m := mark(t, s, o)[mail.LaneNormal]; len(m.QueueIDs) != 1 || m.Unclaimed != 3 {
		t.Errorf("%+v", m)
	}
}

// A mark stays in its page, so that it writes no index.
func TestMailAnnounceMarksAreHOT(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool := openMailPool(t, db.URL)
	s := postgres.NewMail(pool)
	enqueueMany(t, db, 5000)
	marked := 0
	for m := mark(t, s, lanesOf(5000, 500))[mail.LaneNormal]; len(m.QueueIDs) > 0; m = mark(t, s, lanesOf(5000, 500))[mail.LaneNormal] {
		marked += len(m.QueueIDs)
	}
	pool.Close() // its sessions tell their counts
	const counts = "FROM pg_stat_user_tables WHERE relname = 'mail_queue'"
	eventually(t, db, "the counts are in", "SELECT n_tup_upd >= 5000 "+counts)
	share := mailValue[float64](t, db, "SELECT n_tup_hot_upd::float8 / n_tup_upd "+counts)
	t.Logf("%d marks, %.3f of them HOT", marked, share)
	if marked != 5000 || share < 0.9 {
		t.Errorf("%d marks, %.3f of them HOT, want 0.9", marked, share)
	}
}
