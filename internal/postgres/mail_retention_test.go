package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

func openRetention(tb testing.TB, db *pgtest.DB) *postgres.MailRetention {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), postgres.Options{URL: db.ServiceURL(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return postgres.NewMailRetention(pool, quietMail())
}

// pastDay makes the partitions of a past day, as the owner.
func pastDay(tb testing.TB, db *pgtest.DB, days int) {
	tb.Helper()
	err := pgx.BeginFunc(tb.Context(), db.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(tb.Context(), "SET LOCAL ROLE sespan_owner"); err != nil {
			return err
		}
		_, err := tx.Exec(tb.Context(), `SELECT sespan.partition_make(t, (now() AT TIME ZONE 'UTC')::date - $1::int)
			FROM unnest(ARRAY['sespan.mail_message', 'sespan.mail_outcome']::regclass[]) t`, days)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// age moves a mail with all that belongs to it some days into the past, into day
// partitions of its own.
func age(tb testing.TB, db *pgtest.DB, id int64, days int) {
	tb.Helper()
	pastDay(tb, db, days)
	for _, statement := range []string{
		"UPDATE sespan.mail_message SET created_at = created_at - make_interval(days => $2), finished_at = finished_at - make_interval(days => $2) WHERE message_id = $1",
		"UPDATE sespan.mail_outcome SET created_at = created_at - make_interval(days => $2), finished_at = finished_at - make_interval(days => $2) WHERE message_id = $1",
		"UPDATE sespan.mail_queue SET created_at = created_at - make_interval(days => $2) WHERE message_id = $1",
	} {
		db.Exec(tb, statement, id, days)
	}
}

func oldDays(tb testing.TB, db *pgtest.DB) int {
	tb.Helper()
	return mailValue[int](tb, db, `SELECT count(*) FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relkind = 'r'
		AND relname ~ '^mail_(message|outcome)_[0-9]{8}$' AND right(relname, 8) < to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')`)
}

// A log table that eats the disk: old days go as a whole, and nothing that still
// lives goes with them.
func TestMailRetentionKeepsWhatLives(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s, retention := postgres.NewMail(openMailPool(t, db.URL)), openRetention(t, db)
	done := enqueue(t, db, "recipient => 'done@b.co', body_text => 'x'")
	dead := enqueue(t, db, "recipient => 'dead@b.co', body_text => 'x'")
	part := enqueue(t, db, "recipients => ARRAY['sent@b.co', 'later@b.co'], body_text => 'kept'")
	for _, r := range claim(t, s, -1, 10, time.Minute) {
		state := map[string]mail.State{"dead@b.co": mail.StateDead, "later@b.co": mail.StateRetry}[r.Recipient]
		if state == "" {
			state = mail.StateSent
		}
		settle(t, s, state, r)
	}
	planned := enqueue(t, db, "recipient => 'planned@b.co', body_text => 'x', send_at => now() + interval '200 days'")
	held := enqueue(t, db, "recipient => 'held@b.co', body_text => 'x', on_unknown => 'hold'")
	db.Exec(t, "UPDATE sespan.mail_queue SET state = 'unknown', due_at = 'infinity' WHERE message_id = $1", held)
	young := enqueue(t, db, "recipient => 'young@b.co', body_text => 'x'")
	for _, id := range []int64{done, dead, part, planned, held} {
		age(t, db, id, 31)
	}
	age(t, db, young, 29)
	if err := retention.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := oldDays(t, db); n != 2 {
		t.Errorf("%d old days are left, want the two of 29 days ago", n)
	}
	for id, want := range map[int64]string{dead: "dead", part: "sent retry", planned: "scheduled", held: "unknown", young: "queued"} {
		if got := stateOf(t, db, id); got != want {
			t.Errorf("message %d is %q, want %q", id, got, want)
		}
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_message m FULL JOIN sespan.mail_outcome o USING (message_id) WHERE message_id = $1", done); n != 0 {
		t.Error("the mail that was done is still there")
	}
	db.Exec(t, "UPDATE sespan.mail_queue SET due_at = now() WHERE message_id = $1", part)
	rows := claim(t, s, -2, 1, time.Minute)
	if len(rows) != 1 || rows[0].Stored == nil || rows[0].Stored.Text != "kept" {
		t.Fatalf("the retry that lived on is claimed as %+v", rows)
	}
	settle(t, s, mail.StateSent, rows...)
	if got := stateOf(t, db, part); got != "sent sent" {
		t.Errorf("it ends as %s", got)
	}
	// Done for as long as the retention, it goes too.
	db.Exec(t, "UPDATE sespan.mail_message SET finished_at = finished_at - interval '32 days' WHERE message_id = $1", part)
	db.Exec(t, "UPDATE sespan.mail_outcome SET finished_at = finished_at - interval '32 days' WHERE message_id = $1", part)
	if err := retention.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mailValue[string](t, db, "SELECT string_agg(message_id::text, ' ' ORDER BY message_id) FROM sespan.mail_message_default"); got != fmt.Sprint(dead, planned, held) {
		t.Errorf("messages %s are kept, want %d %d %d", got, dead, planned, held)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_outcome WHERE message_id = $1", part); n != 0 {
		t.Errorf("%d outcomes of it are left", n)
	}
}

// Killed between any two steps, or run by two at once, it ends the same.
func TestMailRetentionTwiceAndCutShort(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	const days = 6
	for i := range days {
		age(t, db, enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', send_at => now() + interval '90 days'"), 40+i)
	}
	for range 3 { // each step is cut short before its commit, once
		tx, err := db.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(context.Background()) //nolint:gocritic // three
		var outcome string
		if err := tx.QueryRow(t.Context(), "SELECT outcome FROM sespan.mail_retire()").Scan(&outcome); err != nil || outcome != "dropped" {
			t.Fatalf("retire: %s, %v", outcome, err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_message"); n != days {
			t.Fatalf("%d messages after a step that was cut short", n)
		}
		db.Exec(t, "SELECT sespan.mail_retire()")
	}
	var wg sync.WaitGroup
	for range 2 {
		retention := openRetention(t, db)
		wg.Go(func() {
			if err := retention.Run(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := oldDays(t, db); n != 0 {
		t.Errorf("%d old days are left", n)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_message_default m JOIN sespan.mail_queue q USING (message_id, created_at)"); n != days {
		t.Errorf("%d of %d live mails are kept", n, days)
	}
}

// An open transaction that has enqueued keeps the day from going; meanwhile
// others enqueue without a wait that anybody would notice.
func TestMailRetentionNeverBlocksEnqueuers(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	age(t, db, enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'"), 40)
	site, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer site.Rollback(context.Background())
	if _, err := site.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'b@b.co', body_text => 'x')"); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default: // with a bound on the wait far below what a deploy would notice
				if _, err := db.Pool.Exec(t.Context(), `SET lock_timeout = '2s'; SELECT sespan.mail_enqueue(recipient => 'c@b.co', body_text => 'x')`); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 3 {
		if got := mailValue[string](t, db, "SELECT outcome FROM sespan.mail_retire()"); got != "busy" {
			t.Errorf("%s beside an open transaction, want busy", got)
		}
	}
	close(stop)
	wg.Wait()
	if err := site.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mailValue[string](t, db, "SELECT outcome FROM sespan.mail_retire()"); got != "dropped" {
		t.Errorf("%s when nobody is in the way", got)
	}
	tx, err := db.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "SELECT sespan.mail_retire()"); err == nil {
		t.Error("it works with a snapshot of before its locks")
	}
}

// A day with very many live mails stays whole; the days after it go.
func TestMailRetentionLeavesACrowdedDay(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueueMany(t, db, 2001)
	pastDay(t, db, 50)
	db.Exec(t, "UPDATE sespan.mail_message SET created_at = created_at - interval '50 days'")
	db.Exec(t, "UPDATE sespan.mail_queue SET created_at = created_at - interval '50 days'")
	age(t, db, enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'"), 40)
	if err := openRetention(t, db).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mailValue[string](t, db, "SELECT outcome || ' ' || moved FROM sespan.mail_retire()"); got != "kept 0" || oldDays(t, db) != 2 { // its messages and its outcomes
		t.Errorf("%s, %d old days", got, oldDays(t, db))
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_message_default"); n != 1 {
		t.Errorf("%d in the default partition, want the one of the day after", n)
	}
}
