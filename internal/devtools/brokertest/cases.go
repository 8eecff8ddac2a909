package brokertest

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/mail"
)

// cases are those that the backend can show.
func cases(b Backend) map[string]testCase {
	all := map[string]testCase{
		"each mail once":         eachMailOnce,
		"lanes in order":         lanesInOrder,
		"restart under load":     restartUnderLoad,
		"beside a basic worker":  besideABasicWorker,
		"no room at one":         noRoomAtOne,
		"pause of everything":    pauseOfEverything,
		"shutdown without loss":  shutdownWithoutLoss,
		"retries and dates":      retriesAndDates,
		"database away a moment": databaseAwayAMoment,
	}
	if b.Connect == nil {
		return all
	}
	all["duplicates"] = duplicates
	all["lost announcements"] = lostAnnouncements
	all["late announcements"] = lateAnnouncements
	all["switch and back"] = switchAndBack
	all["broker refuses"] = brokerRefuses
	all["slow relay"] = slowRelay
	if b.Cut != nil {
		all["broker away"] = brokerAway
		all["broker away, no fallback"] = brokerAwayWithoutFallback
	}
	return all
}

// Two workers beside each other share mails of all lanes that come while they run.
func eachMailOnce(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.announcer()
	r.worker(nil)
	r.worker(nil)
	for range 5 {
		for _, priority := range []int{9, 5, 1} {
			r.enqueue(30, priority)
		}
	}
	r.allSent()
}

// A more urgent lane passes the backlog of those below.
func lanesInOrder(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.sink.latency = 2 * time.Millisecond
	r.enqueue(600, 9)
	stop := r.worker(func(c *mail.WorkerConfig) { c.Connections = 2 })
	r.announcer()
	r.until("the backlog is under way", func() bool { return len(r.sink.sent()) > 20 })
	r.enqueue(200, 5) // more than go before the urgent ones are there
	r.enqueue(20, 1)
	r.allSent()
	stop()
	order := r.sink.sent()
	slices.Reverse(order)
	last := func(prefix string) int {
		return len(order) - 1 - slices.IndexFunc(order, func(s string) bool { return strings.HasPrefix(s, prefix) })
	}
	if urgent, normal := last("p1-"), last("p5-"); urgent > 450 || normal > 700 || urgent > normal {
		t.Errorf("of 820 mails the last urgent one was number %d, the last normal one %d", urgent, normal)
	}
}

// Announcements that come three times send one mail.
func duplicates(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.alter = repeating
	r.worker(nil)
	r.worker(nil)
	r.announcer()
	r.enqueue(150, 5)
	r.enqueue(50, 1)
	r.allSent()
}

// What the broker confirmed and does not have is announced again.
func lostAnnouncements(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.alter, r.again = losing(), 700*time.Millisecond
	r.worker(nil)
	r.announcer()
	r.enqueue(100, 1)
	r.allSent()
}

// At a slow relay nearly each mail is announced once, in every lane: what a consumer holds
// it sends before it would have to give it up.
func slowRelay(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.sink.latency = 200 * time.Millisecond // with four connections 20 mails a second
	var published atomic.Int64
	r.alter = counting(&published)
	r.worker(nil)
	r.announcer()
	r.enqueue(90, 9)
	r.enqueue(90, 5)
	r.enqueue(30, 1)
	r.allSent()
	perMail := float64(published.Load()) / float64(r.sink.expected)
	t.Logf("%.3f announcements for each mail", perMail)
	const begin = 12 // what three lanes have before it is known how slow the relay is, for four senders
	if float64(published.Load()-begin) > 1.05*float64(r.sink.expected) {
		t.Errorf("%d announcements of %d mails", published.Load(), r.sink.expected)
	}
}

// Announcements of rows that are finished, cancelled, unknown or not due send nothing
// and are acknowledged.
func lateAnnouncements(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	stop := r.basic(nil)
	r.enqueue(50, 5)
	r.allSent()
	stop()
	r.db.Exec(t, `SELECT sespan.mail_enqueue(recipient => 'later@b.co', body_text => 'x', send_at => now() + interval '1 day');
		SELECT sespan.mail_enqueue(recipient => 'never@b.co', body_text => 'x'); SELECT sespan.mail_cancel(ARRAY[max(message_id)]) FROM sespan.mail_queue`)
	var ids []int64
	if err := r.db.Pool.QueryRow(t.Context(), "SELECT array_agg(queue_id) FROM sespan.mail_recipient").Scan(&ids); err != nil {
		t.Fatal(err)
	}
	var batch []mail.Announcement
	for _, id := range append(ids, 1<<40) {
		batch = append(batch, mail.Announcement{Installation: r.site.Installation, QueueID: id, Lane: mail.LaneNormal, At: time.Now().Add(-time.Hour).Truncate(time.Microsecond)})
	}
	seen := watch(r.connect())
	r.basic(func(c *mail.WorkerConfig) { c.Broker, c.Announced = seen, r.store() })
	for i, err := range r.publish(batch) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	r.until("all are acknowledged", func() bool { return seen.acknowledged() == len(batch) })
	r.db.Exec(t, "SELECT sespan.mail_cancel(array_agg(message_id)) FROM sespan.mail_queue")
	r.allSent()
}

// The worker is stopped and started again and again while mails flow.
func restartUnderLoad(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.sink.latency = time.Millisecond
	r.announcer()
	for range 5 {
		r.enqueue(100, 5)
		stop := r.worker(nil)
		before := len(r.sink.sent())
		r.until("some are sent", func() bool { return len(r.sink.sent()) > before+20 })
		stop()
	}
	r.worker(nil)
	r.allSent()
}

// A worker that ends leaves no row leased and loses nothing.
func shutdownWithoutLoss(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.sink.latency = 5 * time.Millisecond
	r.enqueue(300, 5)
	r.announcer()
	stop := r.worker(nil)
	r.until("some are sent", func() bool { return len(r.sink.sent()) > 10 })
	stop()
	r.eventually("no row stays leased", "SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE state = 'sending')")
	if n := len(r.sink.sent()); n == 300 {
		t.Error("it was too slow to stop in the middle")
	}
	r.worker(nil)
	r.allSent()
}

// A worker that learns from the broker and one that asks the database share the mails.
func besideABasicWorker(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.sink.latency = time.Millisecond
	r.announcer()
	r.worker(nil)
	r.basic(nil)
	for range 6 {
		r.enqueue(100, 5)
	}
	r.allSent()
}

// One worker whose mail server takes nothing keeps no more than its share from others.
func noRoomAtOne(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	opens := make(chan struct{})
	r.worker(func(c *mail.WorkerConfig) { c.Sender, c.Connections = blocked{r.sink, opens}, 1 })
	r.announcer()
	r.enqueue(200, 5)
	r.eventually("it has its share", "SELECT count(*) > 0 FROM sespan.mail_queue WHERE state = 'sending'")
	r.worker(nil)
	r.eventually("the other one sends the rest", "SELECT count(*) FILTER (WHERE state <> 'sending') = 0 AND count(*) BETWEEN 1 AND 16 FROM sespan.mail_queue")
	close(opens)
	r.allSent()
}

// During a pause of everything nothing goes, whatever was announced before it.
func pauseOfEverything(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.announcer()
	r.enqueue(50, 5)
	r.db.Exec(t, "SELECT sespan.mail_pause('all', 'a test')")
	stop := r.worker(nil)
	r.enqueue(50, 1)
	r.stays("nothing is sent during a pause", 3*time.Second, func() bool { return len(r.sink.sent()) == 0 }) // longer than what has no room is held
	r.db.Exec(t, "SELECT sespan.mail_resume('all')")
	r.allSent()
	stop()
}

// Retries and mails with a date come through the broker as others do.
func retriesAndDates(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.announcer()
	r.worker(nil)
	r.db.Exec(t, `SELECT sespan.mail_enqueue(recipient => format('d%s@b.co', g), body_text => 'x', send_at => now() + interval '1500 milliseconds') FROM generate_series(1, 20) g`)
	r.sink.expected += 20
	r.enqueue(20, 5)
	r.allSent()
}

// A claim that fails acknowledges nothing: it is repeated when the database is back.
func databaseAwayAMoment(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.announcer()
	r.worker(nil)
	r.enqueue(20, 5)
	r.allSent()
	r.db.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> ''`)
	r.enqueue(50, 5)
	r.allSent()
}

// Workers change over to PostgreSQL and back. What lies at the broker meanwhile is
// acknowledged and dropped afterwards.
func switchAndBack(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	stopAnnouncer := r.announcer()
	stopWorker := r.worker(nil)
	r.enqueue(50, 5)
	r.allSent()
	stopWorker()
	r.enqueue(80, 5)
	stopAnnouncer()
	stopBasic := r.basic(nil)
	r.allSent()
	stopBasic()
	r.announcer()
	r.worker(nil)
	r.enqueue(50, 5)
	r.allSent()
}

// While the broker cannot be reached senders claim from the database; afterwards the
// broker carries the mails again.
func brokerAway(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.announcer()
	r.worker(func(c *mail.WorkerConfig) { c.Fallback = true })
	r.enqueue(30, 5)
	r.allSent()
	restore := b.Cut(t, r.site)
	r.enqueue(30, 1)
	r.allSent()
	restore()
	r.enqueue(30, 1)
	r.allSent()
}

// Without the fallback mails wait for the broker.
func brokerAwayWithoutFallback(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.announcer()
	r.worker(nil)
	r.enqueue(20, 5)
	r.allSent()
	restore := b.Cut(t, r.site)
	r.enqueue(20, 1)
	r.stays("no mail is sent", 5*time.Second, func() bool { return len(r.sink.sent()) == 20 })
	restore()
	r.allSent()
}

// A broker that takes connections and no announcement keeps no mail back.
func brokerRefuses(t *testing.T, b Backend) {
	t.Helper()
	r := newRig(t, b)
	r.alter = refusing
	r.announcer()
	r.worker(func(c *mail.WorkerConfig) { c.Fallback = true })
	r.enqueue(30, 1)
	r.enqueue(30, 8)
	r.allSent()
}
