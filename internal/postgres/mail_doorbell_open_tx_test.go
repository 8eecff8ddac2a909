package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// openFor is longer than two leases, any wait of the worker and every slack of its
// claims' lower bounds.
const openFor = 65 * time.Second

// Transactions that enqueue and stay open for a real minute, at each isolation
// level, straight and through PgBouncer in transaction mode, while a worker drains
// what others enqueue, goes to sleep and wakes. Their inserts were silent and the worker
// polls once an hour, so nothing but the look into the locks tells of them; each of
// their mails leaves within a poll's usual interval of its commit.
func TestMailTransactionsOpenForAMinute(t *testing.T) {
	t.Parallel() // first: tests that fold wait for transactions that are open, and run before
	db := pgtest.NewDB(t)
	through := pgtest.Pooler(t, db.URL)
	if err := postgres.NewMail(openMailPool(t, db.URL)).SuppressNotify(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	open := leaveOpen(t, db.URL, through)
	begun := time.Now()
	box := newMailbox(nil)
	startPooledWorker(t, db, through, box)
	rounds := drainBeside(t, db, through, box)
	<-time.After(time.Until(begun.Add(openFor)))
	if n := rounds(); n < 3 {
		t.Errorf("the worker went to sleep %d times in a minute", n)
	}
	for level, pair := range open {
		for _, tx := range pair {
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatalf("%s: %v", level, err)
			}
		}
		committed := time.Now()
		for _, e := range box.wait(t, len(pair)) {
			if want := strings.ReplaceAll(string(level), " ", "-"); !strings.HasPrefix(e.Recipient, want) {
				t.Errorf("%s was committed, the mail to %s came", level, e.Recipient)
			}
		}
		if waited := time.Since(committed); waited > 30*time.Second { // not the hour of the poll
			t.Errorf("%s: the mails left %v after the commit", level, waited)
		}
	}
	eventually(t, db, "results are written", queueEmpty)
}

// leaveOpen begins a transaction at each isolation level over each of the addresses,
// enqueues in it and leaves it so. The mails are to the levels' names.
func leaveOpen(tb testing.TB, urls ...string) map[pgx.TxIsoLevel][]pgx.Tx {
	tb.Helper()
	open := map[pgx.TxIsoLevel][]pgx.Tx{}
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		for _, url := range urls {
			config, err := pgx.ParseConfig(url)
			if err != nil {
				tb.Fatal(err)
			}
			config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // prepared statements do not go through a pooler
			conn, err := pgx.ConnectConfig(tb.Context(), config)
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { _ = conn.Close(context.Background()) })
			tx, err := conn.BeginTx(tb.Context(), pgx.TxOptions{IsoLevel: level})
			if err != nil {
				tb.Fatal(err)
			}
			recipient := strings.ReplaceAll(string(level), " ", "-") + "@b.co"
			if _, err := tx.Exec(tb.Context(), "SELECT sespan.mail_enqueue(recipient => $1, body_text => 'x')", recipient); err != nil {
				tb.Fatal(err)
			}
			open[level] = append(open[level], tx)
		}
	}
	return open
}

// startPooledWorker starts one that works through the pooler and listens straight.
func startPooledWorker(tb testing.TB, db *pgtest.DB, through string, box *mailbox) {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), postgres.Options{URL: through, Pooled: true, GenericPlans: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	startWorker(tb, db, box, func(c *mail.WorkerConfig) {
		c.Store = postgres.NewMail(pool)
		c.Poll, c.PollWithoutNotify = time.Hour, time.Hour
	})
}

// drainBeside enqueues a burst whenever the worker has lowered the flag, and takes
// its mails. end stops that and says how often the worker went to sleep.
func drainBeside(tb testing.TB, db *pgtest.DB, through string, box *mailbox) (end func() int) {
	tb.Helper()
	const burst = 50
	site, err := pgx.Connect(tb.Context(), through)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = site.Close(context.Background()) })
	rounds, done := 0, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(3 * time.Second); ; rounds++ {
			_, err := site.Exec(tb.Context(), fmt.Sprintf(
				"SELECT count(sespan.mail_enqueue(recipient => 'r' || i || '@example.org', body_text => 't')) FROM generate_series(1, %d) i", burst),
				pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				tb.Errorf("enqueuing beside: %v", err)
				return
			}
			for range burst {
				select {
				case <-box.came:
				case <-time.After(time.Minute):
					tb.Error("a mail beside the open transactions did not come")
					return
				}
			}
			if !waitAllowsNotify(tb, db) {
				return
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return sync.OnceValue(func() int { close(done); wg.Wait(); return rounds })
}

// waitAllowsNotify waits until inserts would notify.
func waitAllowsNotify(tb testing.TB, db *pgtest.DB) bool {
	tb.Helper()
	for range 12_000 {
		var down bool
		if err := db.Pool.QueryRow(tb.Context(), "SELECT last_value = 0 FROM sespan.mail_doorbell").Scan(&down); err != nil {
			tb.Errorf("the flag: %v", err)
			return false
		}
		if down {
			return true
		}
		<-time.After(5 * time.Millisecond)
	}
	tb.Error("the flag stays up")
	return false
}
