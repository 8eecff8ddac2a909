package postgres_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// What holds of every message, whoever changed it: its counts are those of its
// rows, each recipient stands in one place, and the body of one that is done and
// has nothing dead is gone.
const messagesInOrder = `
	SELECT coalesce(string_agg(format('%s: pending %s of %s, sent %s of %s, dead %s of %s, rows %s of %s, finished %s, wiped %s', m.message_id,
		m.pending, r.live, m.sent, r.sent, m.dead, r.dead, r.rows, m.recipients, m.finished_at, m.wiped_at), E'\n'), '')
	FROM sespan.mail_message m
	CROSS JOIN LATERAL (
		SELECT count(*) AS rows, count(*) FILTER (WHERE s.live) AS live, count(*) FILTER (WHERE s.state = 'sent') AS sent, count(*) FILTER (WHERE s.state = 'dead') AS dead
		FROM (SELECT q.state, true AS live FROM sespan.mail_queue q WHERE q.message_id = m.message_id
		      UNION ALL SELECT o.state, false FROM sespan.mail_outcome o WHERE o.message_id = m.message_id) s
	) r
	WHERE (m.pending, m.sent, m.dead, m.recipients) IS DISTINCT FROM (r.live, r.sent, r.dead, r.rows)
		OR (m.pending = 0) <> (m.finished_at IS NOT NULL) OR (m.wiped_at IS NOT NULL) <> (m.pending = 0 AND m.dead = 0)
		OR (m.body_text IS NULL) <> (m.wiped_at IS NOT NULL)`

// People retry, cancel, pause and resume what two workers send at that moment.
// Nothing deadlocks, no call fails, nothing is lost or sent twice, and what
// was cancelled was not sent.
func TestMailAdminBesideWorkers(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pgtest.CheckCounts(t, db)
	box := newMailbox(func(_ int, e mail.Envelope) error {
		switch {
		case rand.IntN(4) == 0:
			return &mail.SendError{Verdict: mail.Retry, Reason: "rcpt_to", Code: 451, Reply: "later"}
		case strings.HasPrefix(e.Recipient, "dead"):
			return &mail.SendError{Verdict: mail.Dead, Reason: "rcpt_to", Code: 550, Reply: "no"}
		}
		return nil
	})
	for range 2 {
		startWorker(t, db, box, func(c *mail.WorkerConfig) { c.PollWithoutNotify, c.Poll = 50*time.Millisecond, 50*time.Millisecond })
	}
	const calls = 20
	var people sync.WaitGroup
	for person := range 4 {
		admin, random := openMailAdmin(t, db), rand.New(rand.NewPCG(1, uint64(person)))
		people.Go(func() {
			for range calls {
				if err := changeSomething(t.Context(), admin, random); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range calls {
		db.Exec(t, `SELECT sespan.mail_enqueue(recipients => ARRAY[w || i || 'a@b.co', 'ok' || i || '@c.co'], body_text => 'x', category => 'news')
			FROM generate_series(1, 10) i, unnest(ARRAY['ok', 'dead']) w`)
	}
	people.Wait()
	for _, what := range pauses() {
		db.Exec(t, "SELECT sespan.mail_resume($1, 'anna')", what)
	}
	eventually(t, db, "all come to an end", `SELECT count(*) = 0 FROM (SELECT sespan.mail_retry(ARRAY(SELECT DISTINCT message_id FROM sespan.mail_queue))) r`)
	if wrong := mailValue[string](t, db, messagesInOrder); wrong != "" {
		t.Errorf("messages whose counts are wrong:\n%.2000s", wrong)
	}
	sent := map[string]int{}
	for len(box.came) > 0 {
		sent[(<-box.came).Recipient]++
	}
	total := 0
	for _, n := range sent {
		total += n
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_outcome WHERE state = 'sent'"); n != total {
		t.Errorf("%d recipients are sent, and the server took %d mails", n, total)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_outcome WHERE state = 'cancelled'"); n == 0 {
		t.Error("nothing was cancelled: this test no longer shows what it should")
	}
}

func pauses() []string { return []string{"all", "category:news", "domain:b.co"} }

// changeSomething does one thing to a few mails around the newest.
func changeSomething(ctx context.Context, admin *postgres.MailAdmin, random *rand.Rand) error {
	found, err := admin.Find(ctx, mail.Filter{Limit: 60})
	if err != nil {
		return err
	}
	ids := make([]int64, 0, len(found))
	for _, f := range found {
		ids = append(ids, f.MessageID)
	}
	random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = slices.Clip(ids[:min(len(ids), 25)])
	switch random.IntN(5) {
	case 0:
		_, err = admin.Cancel(ctx, ids[:len(ids)/4], "anna")
	case 1:
		_, err = admin.Pause(ctx, pauses()[random.IntN(len(pauses()))], "anna")
	case 2:
		_, err = admin.Resume(ctx, pauses()[random.IntN(len(pauses()))], "anna")
	default:
		_, err = admin.Retry(ctx, ids, "anna")
	}
	return err
}
