package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// enqueue puts one mail into the queue by the given arguments of mail_enqueue.
func enqueue(tb testing.TB, db *pgtest.DB, arguments string) int64 {
	tb.Helper()
	var id int64
	if err := db.Pool.QueryRow(tb.Context(), "SELECT sespan.mail_enqueue("+arguments+")").Scan(&id); err != nil {
		tb.Fatal(err)
	}
	return id
}

func enqueueMany(tb testing.TB, db *pgtest.DB, n int) {
	tb.Helper()
	_, err := db.Pool.Exec(tb.Context(), `SELECT count(sespan.mail_enqueue(recipient => 'r' || i || '@example.org', subject => 's', body_text => 't'))
		FROM generate_series(1, $1::int) i`, n)
	if err != nil {
		tb.Fatal(err)
	}
}

func mailValue[T any](tb testing.TB, db *pgtest.DB, sql string, args ...any) T {
	tb.Helper()
	var v T
	if err := db.Pool.QueryRow(tb.Context(), sql, args...).Scan(&v); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return v
}

func stateOf(tb testing.TB, db *pgtest.DB, message int64) string {
	tb.Helper()
	return mailValue[string](tb, db, "SELECT string_agg(state, ' ' ORDER BY queue_id) FROM sespan.mail_recipient WHERE message_id = $1", message)
}

func claim(tb testing.TB, s *postgres.Mail, token int64, limit int, lease time.Duration) []mail.Claimed {
	tb.Helper()
	rows, err := s.Claim(tb.Context(), mail.Claim{
		Token: token, Lease: lease, Limit: limit, DueLimit: limit, Bytes: 1 << 20, DueWindow: 24 * time.Hour,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

func settle(tb testing.TB, s *postgres.Mail, state mail.State, rows ...mail.Claimed) []int64 {
	tb.Helper()
	results := make([]mail.Result, len(rows))
	for i, r := range rows {
		results[i] = mail.Result{Lease: r.Lease, State: state, Tries: 1, Delay: time.Hour, Reason: "test"}
	}
	ids, err := s.Settle(tb.Context(), results)
	if err != nil {
		tb.Fatal(err)
	}
	return ids
}

// django-mailer and post_office: duplicates from parallel workers.
func TestMailParallelClaimsNeverShareARow(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	const mails = 1000
	enqueueMany(t, db, mails)
	var mu sync.Mutex
	owners := map[int64]int64{}
	var wg sync.WaitGroup
	for worker := range 4 {
		s := postgres.NewMail(openMailPool(t, db.URL))
		wg.Go(func() {
			for n := 0; ; n++ {
				rows, err := s.Claim(t.Context(), mail.Claim{Token: int64(worker*1000 + n), Lease: time.Minute, Limit: 7, DueLimit: 1, Bytes: 1 << 20})
				if err != nil || len(rows) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				for _, r := range rows {
					if other, twice := owners[r.QueueID]; twice {
						t.Errorf("row %d leased to %d and %d", r.QueueID, other, r.Token)
					}
					owners[r.QueueID] = r.Token
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(owners) != mails {
		t.Errorf("%d of %d rows were claimed", len(owners), mails)
	}
}

// A worker that has its share of bulk takes what passes it and nothing else, retries and
// scheduled mails that are due as well.
func TestMailClaimOfWhatPasses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	for _, priority := range []int{9, 5, 9, 0, 5} {
		enqueue(t, db, fmt.Sprintf("recipient => 'p%d@b.co', body_text => 'x', priority => %[1]d::smallint", priority))
	}
	enqueue(t, db, "recipient => 'due@b.co', body_text => 'x', priority => 0::smallint, send_at => now() - interval '1 minute'")
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'retry', due_at = now() WHERE recipient = 'due@b.co'")
	enqueue(t, db, "recipient => 'scheduled@b.co', body_text => 'x', priority => 4::smallint, send_at => now() + interval '1 hour'")
	mailExec(t, db, "UPDATE sespan.mail_queue SET due_at = now() WHERE recipient = 'scheduled@b.co'")
	enqueue(t, db, "recipient => 'later@b.co', body_text => 'x', priority => 0::smallint, send_at => now() + interval '1 hour'")
	passing := func(token int64, priority int) (list []int) {
		rows, err := s.Claim(t.Context(), mail.Claim{Token: token, Lease: time.Minute, Limit: 10, DueLimit: 5, DueWindow: time.Hour, Bytes: 1 << 20, Passing: priority})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			list = append(list, r.Priority)
		}
		slices.Sort(list)
		return list
	}
	if got := passing(1, 5); !slices.Equal(got, []int{0, 0, 4}) {
		t.Errorf("passing priority 5: %v", got)
	}
	if got := passing(2, 9); !slices.Equal(got, []int{5, 5}) {
		t.Errorf("passing priority 9: %v", got)
	}
	if got := passing(3, 9); len(got) != 0 {
		t.Errorf("once more: %v", got)
	}
	if rows := claim(t, s, 4, 10, time.Minute); len(rows) != 2 {
		t.Errorf("%d rows are left, want the bulk", len(rows))
	}
}

func TestMailClaimTakesUrgentFirstWithinItsLimits(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	for _, p := range []int{9, 5, 0} {
		enqueue(t, db, fmt.Sprintf("recipient => 'p%d@b.co', body_text => repeat('x', 300000), priority => %d", p, p))
	}
	enqueue(t, db, "recipient => 'later@b.co', body_text => 'x', send_at => now() + interval '1 hour'")
	var got []string
	for _, r := range claim(t, s, 1, 2, time.Minute) {
		got = append(got, r.Recipient)
	}
	slices.Sort(got)
	if want := []string{"p0@b.co", "p5@b.co"}; !slices.Equal(got, want) {
		t.Errorf("a claim of two took %v, want %v", got, want)
	}
	if rows := claim(t, s, 2, 10, time.Minute); len(rows) != 1 || rows[0].Recipient != "p9@b.co" {
		t.Errorf("then %+v, want p9 alone: later is not due", rows)
	}
}

func TestMailClaimIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	for range 4 {
		enqueue(t, db, "recipient => 'a@b.co', body_text => repeat('x', 600000)")
	}
	for _, want := range []int{2, 2, 0} {
		if got := len(claim(t, s, 1, 10, time.Minute)); got != want {
			t.Errorf("a claim of 1 MiB took %d mails of 600 kB, want %d", got, want)
		}
	}
}

// Rows stuck in "processing" after a crash: a lease that nobody renews lapses.
func TestMailLapsedLeaseIsTakenBack(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	plain := enqueue(t, db, "recipient => 'plain@b.co', body_text => 'x'")
	begun := enqueue(t, db, "recipient => 'begun@b.co', body_text => 'x', on_unknown => 'hold'")
	waiting := enqueue(t, db, "recipient => 'waiting@b.co', body_text => 'x', on_unknown => 'hold'")
	rows := claim(t, s, 1, 10, 3*time.Second)
	if ids, err := s.MarkSending(t.Context(), leasesOf(rows, "begun@b.co")); err != nil || len(ids) != 1 {
		t.Fatalf("begin: %v, %v", ids, err)
	}
	again, held := 0, 0
	for again+held < 3 { // the lease runs out by the database's clock
		a, h, err := s.Reclaim(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		again, held = again+a, held+h
	}
	if again != 2 || held != 1 {
		t.Errorf("%d to be sent again, %d held", again, held)
	}
	for id, want := range map[int64]string{plain: "retry", waiting: "retry", begun: "unknown"} {
		if got := stateOf(t, db, id); got != want {
			t.Errorf("state %q, want %q", got, want)
		}
	}
	// The worker was only late: its result and its heartbeat are refused.
	if ids := settle(t, s, mail.StateSent, rows...); len(ids) != 0 {
		t.Errorf("results without a lease were written: %v", ids)
	}
	if ids, err := s.RenewLeases(t.Context(), leasesOf(rows, ""), time.Minute); err != nil || len(ids) != 0 {
		t.Errorf("lost leases were extended: %v, %v", ids, err)
	}
	if rows := claim(t, s, 2, 10, time.Minute); len(rows) != 2 || rows[0].Lapses != 1 {
		t.Errorf("claimed again: %+v", rows)
	}
}

func leasesOf(rows []mail.Claimed, recipient string) []mail.Lease {
	var out []mail.Lease
	for _, r := range rows {
		if recipient == "" || r.Recipient == recipient {
			out = append(out, r.Lease)
		}
	}
	return out
}

func TestMailSettleCountsRecipientsAndWipes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	id := enqueue(t, db, "recipients => ARRAY['a@b.co', 'b@b.co', 'A@B.co', 'a@B.co'], body_text => 'x', body_html => 'y'")
	rows := claim(t, s, 1, 10, time.Minute)
	if len(rows) != 3 {
		t.Fatalf("%d rows for three different addresses", len(rows))
	}
	settle(t, s, mail.StateSent, rows[0])
	settle(t, s, mail.StateRetry, rows[1])
	if got := mailValue[bool](t, db, "SELECT body_text IS NOT NULL AND finished_at IS NULL AND pending = 2 FROM sespan.mail_message WHERE message_id = $1", id); !got {
		t.Error("the message ended before its last recipient")
	}
	_, err := db.Pool.Exec(t.Context(), "UPDATE sespan.mail_queue SET due_at = now() WHERE state = 'retry'")
	if err != nil {
		t.Fatal(err)
	}
	settle(t, s, mail.StateSent, append(claim(t, s, 2, 10, time.Minute), rows[2])...)
	if got := mailValue[bool](t, db, `SELECT body_text IS NULL AND body_html IS NULL AND wiped_at IS NOT NULL AND finished_at IS NOT NULL AND pending = 0
		AND sent = 3 AND sespan.mail_delivery(message_id, created_at) = 'sent' FROM sespan.mail_message WHERE message_id = $1`, id); !got {
		t.Error("the message was not ended and wiped with its last recipient")
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_queue"); n != 0 {
		t.Errorf("%d hot rows are left", n)
	}
}

func TestMailDeadKeepsItsBodyForAWhileUnlessSealed(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	plain := enqueue(t, db, "recipient => 'a@b.co', subject => 'hello', body_text => 'x'")
	sealed := mailValue[int64](t, db, `SELECT sespan.mail_enqueue_sealed(recipient => 'a@b.co', subject => 'code', sealed => '\x01', category => 'code',
		priority => 0, expires_at => now() + interval '10 minutes')`)
	settle(t, s, mail.StateDead, claim(t, s, 1, 10, time.Minute)...)
	kept := "SELECT body_kept FROM sespan.mail_dead WHERE message_id = $1"
	if !mailValue[bool](t, db, kept, plain) || mailValue[bool](t, db, kept, sealed) {
		t.Error("want the plain body kept and the sealed one wiped")
	}
	if got := mailValue[string](t, db, "SELECT sespan.mail_delivery(message_id, created_at) FROM sespan.mail_message WHERE message_id = $1", sealed); got != "failed" {
		t.Errorf("delivery %q, want failed", got)
	}
	_, err := db.Pool.Exec(t.Context(), "UPDATE sespan.mail_message SET wipe_at = now() - interval '1 second' WHERE wipe_at IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mailValue[bool](t, db, kept, plain) {
		t.Error("the dead mail's body is still there after its time")
	}
}

func TestMailRetainedBodyStays(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'keep', retain_body => true")
	settle(t, s, mail.StateSent, claim(t, s, 1, 10, time.Minute)...)
	if got := mailValue[string](t, db, "SELECT body_text FROM sespan.mail_message WHERE message_id = $1", id); got != "keep" {
		t.Errorf("body %q", got)
	}
}

func TestMailBatchesOfOneMessageDoNotDeadlock(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for range 50 {
		enqueue(t, db, "recipients => ARRAY['a@b.co', 'b@b.co', 'c@b.co', 'd@b.co'], body_text => 'x'")
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		s := postgres.NewMail(openMailPool(t, db.URL))
		wg.Go(func() {
			for n := 0; ; n++ {
				rows, err := s.Claim(t.Context(), mail.Claim{Token: int64(worker*1000 + n), Lease: time.Minute, Limit: 13, DueLimit: 1, Bytes: 1 << 20})
				if err != nil {
					t.Error(err)
					return
				}
				if len(rows) == 0 {
					return
				}
				slices.Reverse(rows)
				if ids := settle(t, s, mail.StateSent, rows...); len(ids) != len(rows) {
					t.Errorf("%d of %d results written", len(ids), len(rows))
				}
			}
		})
	}
	wg.Wait()
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_message WHERE sent = 4 AND pending = 0 AND wiped_at IS NOT NULL"); n != 50 {
		t.Errorf("%d of 50 messages ended", n)
	}
}

func TestMailReleaseGivesBack(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	enqueueMany(t, db, 3)
	if err := s.Release(context.WithoutCancel(t.Context()), leasesOf(claim(t, s, 1, 10, time.Minute), "")); err != nil {
		t.Fatal(err)
	}
	rows := claim(t, s, 2, 10, time.Minute)
	if len(rows) != 3 || rows[0].Attempts != 0 || rows[0].Lapses != 0 {
		t.Errorf("after the release: %+v", rows)
	}
}
