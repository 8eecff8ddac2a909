package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// notifyOnly makes a worker that polls once an hour: what it sends it was notified of.
func notifyOnly(c *mail.WorkerConfig) {
	c.Poll, c.PollWithoutNotify, c.SweepInterval = time.Hour, time.Hour, time.Hour
}

func listen(tb testing.TB, db *pgtest.DB) (notified func(within time.Duration) bool) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), db.URL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(tb.Context(), "LISTEN "+postgres.MailChannel); err != nil {
		tb.Fatal(err)
	}
	return func(within time.Duration) bool {
		ctx, cancel := context.WithTimeout(tb.Context(), within)
		defer cancel()
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			if !pgconn.Timeout(err) {
				tb.Fatal(err)
			}
			return false
		}
		if n.Payload != "" {
			tb.Errorf("payload %q", n.Payload)
		}
		return true
	}
}

func TestMailInsertsNotifyUnlessSuppressed(t *testing.T) { //nolint:tparallel // the steps share one flag
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	steps := []struct {
		what string
		do   func() error
		want bool
	}{
		{"at first", func() error { return nil }, true},
		{"while suppressed", func() error { return s.SuppressNotify(t.Context(), time.Minute) }, false},
		{"once allowed", func() error { _, _, err := s.AllowNotify(t.Context()); return err }, true},
		{"when the worker that suppressed them died", func() error { return s.SuppressNotify(t.Context(), 0) }, true},
	}
	for _, step := range steps {
		t.Run(step.what, func(t *testing.T) { //nolint:paralleltest // the steps share one flag
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			notified := listen(t, db)
			enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
			if !step.want {
				if notified(200 * time.Millisecond) {
					t.Error("a notification came")
				}
				return
			}
			if !notified(time.Minute) {
				t.Error("no notification came")
			}
		})
	}
}

func TestMailDoorbellSwitchedOffNeverNotifies(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	if _, err := db.Pool.Exec(t.Context(), "UPDATE sespan.mail_setting SET value = 'off' WHERE name = 'mail_doorbell'"); err != nil {
		t.Fatal(err)
	}
	if _, on, err := s.AllowNotify(t.Context()); err != nil || on {
		t.Fatalf("on %v, %v", on, err)
	}
	notified := listen(t, db)
	enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
	if err := s.Notify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if notified(200 * time.Millisecond) {
		t.Error("a notification came")
	}
	box := newMailbox(nil)
	startWorker(t, db, box, func(c *mail.WorkerConfig) { c.Poll, c.PollWithoutNotify = 100*time.Millisecond, 100*time.Millisecond })
	box.wait(t, 1)
	enqueue(t, db, "recipient => 'polled@b.co', body_text => 'x'")
	box.wait(t, 1)
}

// silentInsert begins a transaction that enqueues while notifications are
// suppressed, so that its insert sends none, and leaves it open.
func silentInsert(tb testing.TB, db *pgtest.DB, level pgx.TxIsoLevel) pgx.Tx {
	tb.Helper()
	s := postgres.NewMail(openMailPool(tb, db.URL))
	if err := s.SuppressNotify(tb.Context(), time.Minute); err != nil {
		tb.Fatal(err)
	}
	tx, err := db.Pool.BeginTx(tb.Context(), pgx.TxOptions{IsoLevel: level})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := tx.Exec(tb.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x')"); err != nil {
		tb.Fatal(err)
	}
	return tx
}

func TestMailSilentInsertIsFoundAfterItsCommit(t *testing.T) {
	t.Parallel()
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			tx := silentInsert(t, db, level)
			box := newMailbox(nil)
			startWorker(t, db, box, notifyOnly)
			eventually(t, db, "the worker lowers the flag", "SELECT last_value = 0 FROM sespan.mail_doorbell")
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			box.wait(t, 1)
		})
	}
}

// TestMailDoorbellNeedsTheLocks shows that the look into pg_locks is what makes
// the case above safe: without it the same mail waits for the next poll.
func TestMailDoorbellNeedsTheLocks(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	_, err := db.Pool.Exec(t.Context(), "CREATE OR REPLACE FUNCTION sespan.mail_open_inserters() RETURNS int LANGUAGE sql AS 'SELECT 0'")
	if err != nil {
		t.Fatal(err)
	}
	tx := silentInsert(t, db, pgx.ReadCommitted)
	box := newMailbox(nil)
	startWorker(t, db, box, notifyOnly)
	eventually(t, db, "the worker sleeps", "SELECT last_value = 0 FROM sespan.mail_doorbell")
	quietFor(t, db) // asleep, that is
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-box.came:
		t.Error("the mail was found although nothing notified: this test no longer shows what it should")
	case <-time.After(700 * time.Millisecond):
	}
	enqueue(t, db, "recipient => 'notified@b.co', body_text => 'x'")
	box.wait(t, 2)
}

// quietFor waits until no session of the worker has run a statement for a second.
func quietFor(tb testing.TB, db *pgtest.DB) {
	tb.Helper()
	eventually(tb, db, "the worker is quiet", `SELECT bool_and(state = 'idle' AND state_change < clock_timestamp() - interval '1 second')
		FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sespan'`)
}

// TestMailDoorbellRace lets mails race against a worker that goes to sleep: a
// burst wakes it and makes it raise the flag, and a moment later a lone mail,
// committed some random time after its insert, meets it anywhere on its way back
// to sleep. No mail may be left lying.
func TestMailDoorbellRace(t *testing.T) {
	t.Parallel()
	const rounds = 40
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			// What the site's sessions have without asking must not become the worker's level.
			db.Exec(t, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_isolation = '%s'", pgx.Identifier{databaseName(t, db)}.Sanitize(), level))
			box := newMailbox(nil)
			startWorker(t, db, box, notifyOnly)
			random := rand.New(rand.NewPCG(1, 2))
			lost := 0
			for round := range rounds {
				enqueueMany(t, db, 10)
				if !arrive(box, 10) {
					lost++
				}
				pause(t, random.IntN(15_000))
				enqueueSlowly(t, db, level, fmt.Sprintf("race%d@b.co", round), random.IntN(20_000))
				if !arrive(box, 1) {
					lost++
					arriveAll(t, db, box)
				}
			}
			if lost > 0 {
				t.Errorf("%d of %d mails were not woken for", lost, 2*rounds)
			}
		})
	}
}

func databaseName(tb testing.TB, db *pgtest.DB) string {
	tb.Helper()
	return mailValue[string](tb, db, "SELECT current_database()::text")
}

func enqueueSlowly(tb testing.TB, db *pgtest.DB, level pgx.TxIsoLevel, recipient string, micros int) {
	tb.Helper()
	err := pgx.BeginTxFunc(tb.Context(), db.Pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(tb.Context(), "SELECT sespan.mail_enqueue(recipient => $1, body_text => 'x')", recipient); err != nil {
			return err
		}
		pause(tb, micros)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// arrive waits for n mails; one without a notification would come after an hour.
func arrive(box *mailbox, n int) bool {
	deadline := time.After(30 * time.Second)
	for range n {
		select {
		case <-box.came:
		case <-deadline:
			return false
		}
	}
	return true
}

// arriveAll notifies again, so that the next round starts from the beginning.
func arriveAll(tb testing.TB, db *pgtest.DB, box *mailbox) {
	tb.Helper()
	if _, err := db.Pool.Exec(tb.Context(), "SELECT sespan.mail_notify()"); err != nil {
		tb.Fatal(err)
	}
	box.wait(tb, 1)
}

// pause is the random moment of the race, not a wait for something.
func pause(tb testing.TB, micros int) {
	tb.Helper()
	timer := time.NewTimer(time.Duration(micros) * time.Microsecond)
	defer timer.Stop()
	<-timer.C
}
