package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// stage is a broker that does with each announcement what the test says.
type stage struct {
	mail.Broker // what consumers need; nil: none

	mu        sync.Mutex
	published []mail.Announcement // what the broker took
	came      chan mail.Announcement
	answer    func(n int, a mail.Announcement) (err error, taken bool)
}

func newStage(answer func(n int, a mail.Announcement) (error, bool)) *stage {
	return &stage{answer: answer, came: make(chan mail.Announcement, 100_000)}
}

var errCut = errors.New("the connection was cut")

func (s *stage) Publish(ctx context.Context, batch []mail.Announcement) []error {
	errs := make([]error, len(batch))
	for i, a := range batch {
		taken := true
		if s.answer != nil {
			errs[i], taken = s.answer(len(s.all()), a)
		}
		if errors.Is(errs[i], context.DeadlineExceeded) {
			<-ctx.Done()
			errs[i] = ctx.Err()
		}
		if taken {
			s.take(ctx, a)
		}
	}
	return errs
}

func (s *stage) take(ctx context.Context, a mail.Announcement) {
	s.mu.Lock()
	s.published = append(s.published, a)
	s.mu.Unlock()
	s.came <- a
	if s.Broker != nil {
		s.Broker.Publish(ctx, []mail.Announcement{a})
	}
}

func (s *stage) all() []mail.Announcement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.published)
}

// wait takes n announcements or fails.
func (s *stage) wait(tb testing.TB, n int) (list []mail.Announcement) {
	tb.Helper()
	deadline := time.After(time.Minute)
	for len(list) < n {
		select {
		case a := <-s.came:
			list = append(list, a)
		case <-deadline:
			tb.Fatalf("%d of %d announcements came", len(list), n)
		}
	}
	return list
}

// startAnnouncer runs an announcer until the test ends or stop is called, which waits.
func startAnnouncer(tb testing.TB, db *pgtest.DB, broker mail.Broker, change func(*mail.AnnouncerConfig)) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	reg := prometheus.NewRegistry()
	listener := mailListener(tb, db, reg)
	c := mail.AnnouncerConfig{
		Store: postgres.NewMail(openMailPool(tb, db.ServiceURL(tb))), Broker: broker, Dispatch: "amqp", Installation: uuid.New(), Logger: quietMail(), Metrics: reg,
		Notifications: listener.Signal(postgres.MailChannel), Listening: listener.Connected,
	}
	if change != nil {
		change(&c)
	}
	a, err := mail.NewAnnouncer(c)
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { listener.Run(ctx) })
	running.Go(func() { a.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	tb.Cleanup(stop)
	return stop
}

// startConsumer runs a worker that is told by the broker what is next.
func startConsumer(tb testing.TB, db *pgtest.DB, broker mail.Broker, sender mail.Sender) (stop func()) {
	tb.Helper()
	return startWorker(tb, db, sender, func(c *mail.WorkerConfig) {
		c.Broker, c.Announced = broker, postgres.NewMail(openMailPool(tb, db.URL))
	})
}

// drained waits until every mail is sent, and gives the announcements for each.
func drained(tb testing.TB, db *pgtest.DB, box *mailbox, s *stage, mails int) (perMail float64) {
	tb.Helper()
	box.wait(tb, mails)
	eventually(tb, db, "every mail is written as sent", "SELECT count(*) = $1 FROM sespan.mail_outcome WHERE state = 'sent'", mails)
	if n := len(box.sent()); n != mails {
		tb.Errorf("%d mails were sent, want %d", n, mails)
	}
	perMail = float64(len(s.all())) / float64(mails)
	tb.Logf("%d mails, %.3f announcements for each", mails, perMail)
	return perMail
}

// In the calm each mail is announced once, whoever announces.
func TestMailAnnouncersInTheCalm(t *testing.T) {
	t.Parallel()
	for _, announcers := range []int{1, 2} {
		t.Run([]string{"", "one", "two"}[announcers], func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			memory := brokertest.NewMemory()
			s := newStage(nil)
			s.Broker = memory.Client()
			for range announcers {
				startAnnouncer(t, db, s, nil)
			}
			box := newMailbox(nil)
			startConsumer(t, db, memory.Client(), box)
			for range 10 {
				enqueueMany(t, db, 200)
				enqueue(t, db, "recipient => 'a@example.org', priority => 1, body_text => 'x'")
				enqueue(t, db, "recipient => 'a@example.org', priority => 9, body_text => 'x'")
			}
			if share := drained(t, db, box, s, 2020); share > 1.05 {
				t.Errorf("%.3f announcements for each mail, want 1.05", share)
			}
		})
	}
}

// A broker that refuses, returns, answers too late, loses what it confirmed and keeps what
// it did not: no mail is lost, and few are announced twice.
func TestMailAnnouncersWithFaults(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	memory := brokertest.NewMemory()
	random := rand.New(rand.NewPCG(3, 4))
	var mu sync.Mutex
	s := newStage(func(int, mail.Announcement) (error, bool) {
		mu.Lock()
		defer mu.Unlock()
		switch n := random.IntN(200); {
		case n < 4:
			return mail.ErrRefused, false
		case n < 8:
			return mail.ErrReturned, false
		case n < 9:
			return context.DeadlineExceeded, n%2 == 0
		case n < 14:
			return errCut, true // its confirmation is lost
		}
		return nil, true
	})
	s.Broker = lossy{memory.Client(), random, &mu}
	quick := func(c *mail.AnnouncerConfig) {
		c.PublishTimeout = 200 * time.Millisecond
		c.Again = [mail.Lanes]time.Duration{time.Second, time.Second, time.Second}
	}
	startAnnouncer(t, db, s, quick)
	startAnnouncer(t, db, s, quick)
	box := newMailbox(nil)
	startConsumer(t, db, memory.Client(), box)
	for range 10 {
		enqueueMany(t, db, 100)
	}
	if share := drained(t, db, box, s, 1000); share > 1.5 {
		t.Errorf("%.3f announcements for each mail, want 1.5", share)
	}
}

// lossy loses one in 50 of what it has taken.
type lossy struct {
	mail.Broker
	random *rand.Rand
	mu     *sync.Mutex
}

func (l lossy) Publish(ctx context.Context, batch []mail.Announcement) []error {
	l.mu.Lock()
	lost := l.random.IntN(50) == 0
	l.mu.Unlock()
	if lost {
		return make([]error, len(batch))
	}
	return l.Broker.Publish(ctx, batch)
}

// What is more urgent is published first, and an urgent lane does not wait for another
// one whose broker does not answer.
func TestMailAnnouncerUrgentFirst(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	blocked := make(chan struct{})
	s := newStage(func(_ int, a mail.Announcement) (error, bool) {
		if a.Lane == mail.LaneBulk {
			<-blocked
		}
		return nil, true
	})
	mailExec(t, db, `SELECT sespan.mail_enqueue(recipient => 'b' || i || '@example.org', priority => 9, body_text => 'x') FROM generate_series(1, 3000) i`)
	startAnnouncer(t, db, s, nil)
	defer close(blocked)
	eventually(t, db, "bulk is under way", "SELECT count(*) > 0 FROM sespan.mail_queue WHERE announced_at IS NOT NULL AND priority = 9")
	mailExec(t, db, `SELECT sespan.mail_enqueue(recipient => 'u' || i || '@example.org', priority => 3 - i % 4, body_text => 'x') FROM generate_series(1, 8) i`)
	list := s.wait(t, 8)
	var priorities []int
	for _, a := range list {
		if a.Lane != mail.LaneUrgent {
			t.Fatalf("%+v came before what is urgent", a)
		}
		priorities = append(priorities, mailValue[int](t, db, "SELECT priority::int FROM sespan.mail_queue WHERE queue_id = $1", a.QueueID))
	}
	if !slices.IsSorted(priorities) {
		t.Errorf("the priorities came as %v", priorities)
	}
}

// What nobody claims is announced again, a retry when it is due, and nothing in a pause.
func TestMailAnnouncerAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := newStage(nil)
	enqueueMany(t, db, 1)
	startAnnouncer(t, db, s, func(c *mail.AnnouncerConfig) { c.Again[mail.LaneNormal] = 300 * time.Millisecond })
	list := s.wait(t, 2)
	if list[0].QueueID != list[1].QueueID || list[1].At.Sub(list[0].At) < 300*time.Millisecond {
		t.Errorf("announced as %+v", list)
	}
	mailExec(t, db, "SELECT sespan.mail_pause('all')")
	eventually(t, db, "nothing is marked any more", "SELECT clock_timestamp() - announced_at > interval '1 second' FROM sespan.mail_queue")
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'retry', due_at = clock_timestamp() + interval '700 milliseconds'")
	for len(s.came) > 0 {
		<-s.came
	}
	mailExec(t, db, "SELECT sespan.mail_resume('all')")
	a := s.wait(t, 1)[0]
	if early := mailValue[bool](t, db, "SELECT $1::timestamptz < due_at FROM sespan.mail_queue", a.At); early {
		t.Error("announced before it was due")
	}
}

// A broker that takes nothing is seen in the sign of life, and that it works again.
func TestMailAnnouncerSignOfLife(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	memory := brokertest.NewMemory()
	accept := memory.Refuse()
	startAnnouncer(t, db, memory.Client(), nil)
	const row = "FROM sespan.mail_worker WHERE kind = 'announcer' AND dispatch = 'amqp'"
	eventually(t, db, "the announcer is there and has nothing to do", "SELECT count(*) = 1 AND bool_and(confirmed_at IS NULL AND waiting_since IS NULL) "+row)
	if n := mailValue[int](t, db, "SELECT sespan.mail_workers()"); n != 0 {
		t.Errorf("an announcer counts as %d senders", n)
	}
	store := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	fallback := func() mail.Fallback {
		f, err := store.Fallback(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if f := fallback(); f != (mail.Fallback{}) {
		t.Errorf("without a mail %+v", f)
	}
	enqueueMany(t, db, 3)
	eventually(t, db, "it waits", "SELECT coalesce(bool_and(waiting_since < now() - interval '3 seconds'), false) "+row)
	if f := fallback(); !f.Urgent || !f.Others || f.Reason != "no_confirmation" {
		t.Errorf("while the broker refuses %+v", f)
	}
	eventually(t, db, "no mark stays", "SELECT count(*) FILTER (WHERE announced_at IS NOT NULL) = 0 FROM sespan.mail_queue")
	accept()
	eventually(t, db, "it is confirmed", "SELECT coalesce(bool_and(confirmed_at > now() - interval '10 seconds' AND waiting_since IS NULL), false) "+row)
	if f := fallback(); f != (mail.Fallback{}) {
		t.Errorf("after it %+v", f)
	}
}

// A stop while the broker does not answer leaves no mark of what it may not have.
func TestMailAnnouncerStopsWithoutLoss(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := newStage(func(int, mail.Announcement) (error, bool) { return context.DeadlineExceeded, false })
	stop := startAnnouncer(t, db, s, func(c *mail.AnnouncerConfig) { c.PublishTimeout = time.Second })
	enqueueMany(t, db, 10)
	eventually(t, db, "something is marked", "SELECT count(*) FILTER (WHERE announced_at IS NOT NULL) > 0 FROM sespan.mail_queue")
	stop()
	if n := markedRows(t, db); n != 0 {
		t.Errorf("%d marks stay", n)
	}
	if n := mailValue[int](t, db, "SELECT count(*)::int FROM sespan.mail_worker"); n != 0 {
		t.Errorf("%d rows of announcers stay", n)
	}
	if f, err := postgres.NewMail(openMailPool(t, db.URL)).Fallback(t.Context()); err != nil || f.Reason != "no_announcer" || !f.Urgent || !f.Others {
		t.Errorf("without an announcer %+v (%v)", f, err)
	}
}

// The doorbell between an announcer and a worker without a broker: mails race against
// both on their way to sleep, and none is left lying by the two.
func TestMailAnnouncerDoorbellRace(t *testing.T) {
	t.Parallel()
	const rounds = 40
	db := pgtest.NewDB(t)
	db.Exec(t, "ALTER DATABASE "+pgx.Identifier{databaseName(t, db)}.Sanitize()+" SET default_transaction_isolation = 'repeatable read'")
	hour := func(c *mail.AnnouncerConfig) {
		c.Poll, c.PollWithoutNotify, c.SweepInterval = time.Hour, time.Hour, time.Hour
		c.Again = [mail.Lanes]time.Duration{time.Hour, time.Hour, time.Hour}
	}
	// Whoever hears of a row takes it out of the queue.
	s := newStage(func(_ int, a mail.Announcement) (error, bool) {
		_, err := db.Pool.Exec(t.Context(), "DELETE FROM sespan.mail_queue WHERE queue_id = $1 AND state = 'queued'", a.QueueID)
		return err, true
	})
	box := newMailbox(nil)
	startAnnouncer(t, db, s, hour)
	startWorker(t, db, box, notifyOnly)
	random := rand.New(rand.NewPCG(5, 6))
	lost := 0
	gone := func() bool {
		deadline := time.Now().Add(30 * time.Second)
		for time.Now().Before(deadline) {
			if mailValue[bool](t, db, "SELECT NOT EXISTS (SELECT FROM sespan.mail_queue)") {
				return true
			}
			pause(t, 2000)
		}
		return false
	}
	for round := range rounds {
		enqueueMany(t, db, 10)
		if !gone() {
			lost++
			mailExec(t, db, "SELECT sespan.mail_notify()")
			gone()
		}
		pause(t, random.IntN(15_000))
		enqueueSlowly(t, db, []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead}[round%2], "race@b.co", random.IntN(20_000))
		if !gone() {
			t.Logf("round %d", round)
			lost++
			mailExec(t, db, "SELECT sespan.mail_notify()")
			gone()
		}
	}
	t.Logf("%d by announcements, %d by the worker", len(s.all()), len(box.sent()))
	if lost > 0 {
		t.Errorf("%d of %d times a mail was not woken for", lost, 2*rounds)
	}
}
