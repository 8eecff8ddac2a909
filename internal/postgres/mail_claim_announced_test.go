package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// claimByKey leases the first recipients of these messages.
func claimByKey(tb testing.TB, s *postgres.Mail, token int64, limit int, messages ...int64) (rows []mail.Claimed, left []int64) {
	tb.Helper()
	ids := make([]int64, len(messages))
	for i, m := range messages {
		ids[i] = m * 1024
	}
	rows, left, err := s.ClaimAnnounced(tb.Context(), mail.AnnouncedClaim{Token: token, Lease: time.Minute, QueueIDs: ids, Limit: limit, Bytes: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(left)
	return rows, left
}

func recipientsOf(rows []mail.Claimed) (list []string) {
	for _, r := range rows {
		list = append(list, r.Recipient)
	}
	slices.Sort(list)
	return list
}

func TestMailClaimAnnouncedTakesWhatIsReady(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	done := enqueue(t, db, "recipient => 'done@b.co', body_text => 'x'")
	settle(t, s, mail.StateSent, claim(t, s, 1, 10, time.Minute)...)
	leased := enqueue(t, db, "recipient => 'leased@b.co', body_text => 'x'")
	claim(t, s, 2, 10, time.Minute)
	retried := enqueue(t, db, "recipient => 'retried@b.co', body_text => 'x'")
	settle(t, s, mail.StateRetry, claim(t, s, 3, 10, time.Minute)...)
	due := enqueue(t, db, "recipient => 'due@b.co', body_text => 'x'")
	settle(t, s, mail.StateRetry, claim(t, s, 4, 10, time.Minute)...)
	mailExec(t, db, "UPDATE sespan.mail_queue SET due_at = now() WHERE recipient = 'due@b.co'")
	later := enqueue(t, db, "recipient => 'later@b.co', body_text => 'x', send_at => now() + interval '1 hour'")
	fresh := enqueue(t, db, "recipient => 'fresh@b.co', body_text => 'x'")
	enqueue(t, db, "recipient => 'unasked@b.co', body_text => 'x'")

	rows, left := claimByKey(t, s, 5, 10, done, leased, retried, due, later, fresh, 1<<40)
	if got, want := recipientsOf(rows), []string{"due@b.co", "fresh@b.co"}; !slices.Equal(got, want) || len(left) != 0 {
		t.Errorf("took %v, left %v, want %v and none", got, left, want)
	}
	for _, r := range rows {
		if r.Fresh != (r.Recipient == "fresh@b.co") {
			t.Errorf("%s: fresh %v", r.Recipient, r.Fresh)
		}
	}
	if again, left := claimByKey(t, s, 6, 10, due, fresh); len(again)+len(left) != 0 {
		t.Errorf("leased twice: %v, %v", again, left)
	}
}

func TestMailClaimAnnouncedTellsWhatItLeft(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	var ids []int64
	for i, priority := range []int{9, 0, 5, 5} {
		ids = append(ids, enqueue(t, db, fmt.Sprintf("recipient => 'm%d@b.co', body_text => repeat('x', 600000), priority => %d", i, priority)))
	}
	rows, left := claimByKey(t, s, 1, 10, ids...)
	if got, want := recipientsOf(rows), []string{"m1@b.co", "m2@b.co"}; !slices.Equal(got, want) {
		t.Errorf("within 1 MiB it took %v, want %v", got, want)
	}
	if want := []int64{ids[0] * 1024, ids[3] * 1024}; !slices.Equal(left, want) {
		t.Errorf("left %v by the bytes, want %v", left, want)
	}
	rows, left = claimByKey(t, s, 2, 1, ids...)
	if got := recipientsOf(rows); !slices.Equal(got, []string{"m3@b.co"}) || !slices.Equal(left, []int64{ids[0] * 1024}) {
		t.Errorf("with place for one it took %v, left %v", got, left)
	}
	mailExec(t, db, "SELECT sespan.mail_pause('all', 'a test')")
	if rows, left = claimByKey(t, s, 3, 10, ids...); len(rows) != 0 || len(left) != 1 {
		t.Errorf("during a pause it took %v, left %v", recipientsOf(rows), left)
	}
	mailExec(t, db, "SELECT sespan.mail_resume('all', 'a test')")
	if rows, _ = claimByKey(t, s, 4, 10, ids...); len(rows) != 1 {
		t.Errorf("after it %v", recipientsOf(rows))
	}
}

// Both claims answer the same of a row: content, pause, suppression, times.
func TestMailClaimAnnouncedAnswersAsTheOtherClaim(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMail(openMailPool(t, db.URL))
	mailExec(t, db, "SELECT sespan.mail_pause('category:news', 'a test'); SELECT sespan.mail_suppress('gone@b.co')")
	var ids []int64
	for _, args := range []string{
		`recipient => 'plain@b.co', subject => 's', body_text => 'x', body_html => '<p>x</p>', headers => '{"X-A": "b"}', priority => 2`,
		`recipient => 'paused@b.co', body_text => 'x', category => 'news'`,
		`recipient => 'gone@b.co', body_text => 'x'`,
		`recipient => 'j@bücher.example', body_text => 'x', expires_at => now() + interval '1 hour', on_unknown => 'hold'`,
		`recipient => 'raw@b.co', raw => convert_to('Subject: s'||chr(13)||chr(10)||chr(13)||chr(10)||'x', 'UTF8')`,
		`recipient => 'file@b.co', body_text => 'x', attachments => '[{"filename": "a.txt", "content_type": "text/plain", "content": "eA=="}]'`,
	} {
		ids = append(ids, enqueue(t, db, args))
	}
	normal := func(rows []mail.Claimed) map[string]mail.Claimed {
		out := map[string]mail.Claimed{}
		for _, r := range rows {
			r.Token, r.Waited = 0, 0
			r.ExpiresIn = r.ExpiresIn.Round(time.Minute)
			out[r.Recipient] = r
		}
		return out
	}
	found := claim(t, s, 1, 10, time.Minute)
	if len(found) != len(ids) {
		t.Fatalf("%d of %d claimed", len(found), len(ids))
	}
	mailExec(t, db, "UPDATE sespan.mail_queue SET state = 'queued', lease_token = NULL, leased_until = NULL")
	named, left := claimByKey(t, s, 2, 10, ids...)
	if len(left) != 0 {
		t.Errorf("left %v", left)
	}
	assert.Equal(t, normal(found), normal(named))
}

// Claims by key and claims that look never share a row.
func TestMailClaimsByKeyShareNoRow(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	const mails = 600
	enqueueMany(t, db, mails)
	var ids []int64
	if err := db.Pool.QueryRow(t.Context(), "SELECT array_agg(queue_id ORDER BY queue_id) FROM sespan.mail_queue").Scan(&ids); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	owners := map[int64]int64{}
	note := func(rows []mail.Claimed) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range rows {
			if other, twice := owners[r.QueueID]; twice {
				t.Errorf("row %d leased to %d and %d", r.QueueID, other, r.Token)
			}
			owners[r.QueueID] = r.Token
		}
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		s := postgres.NewMail(openMailPool(t, db.URL))
		wg.Go(func() {
			for n, chunk := range slices.Collect(slices.Chunk(ids, 20)) {
				token := int64(worker*1000 + n)
				if worker == 0 {
					note(claim(t, s, token, 7, time.Minute))
					continue
				}
				rows, _, err := s.ClaimAnnounced(t.Context(), mail.AnnouncedClaim{Token: token, Lease: time.Minute, QueueIDs: chunk, Limit: 20, Bytes: 1 << 20})
				if err != nil {
					t.Error(err)
					return
				}
				note(rows)
			}
		})
	}
	wg.Wait()
	// What was locked by a claim that skipped it itself is skipped by both: it is announced again.
	s := postgres.NewMail(openMailPool(t, db.URL))
	note(claim(t, s, 99_999, mails, time.Minute))
	if len(owners) != mails {
		t.Errorf("%d of %d rows are leased", len(owners), mails)
	}
}
