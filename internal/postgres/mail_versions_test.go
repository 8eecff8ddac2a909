package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

// oldWorker speaks the statements of the worker as it was before migration 010,
// frozen in testdata/worker_009.
type oldWorker struct {
	pool *pgxpool.Pool
	tb   testing.TB
	sent []string
}

func (o *oldWorker) text(name string) string {
	o.tb.Helper()
	sql, err := os.ReadFile(filepath.Join("testdata", "worker_009", name+".sql"))
	if err != nil {
		o.tb.Fatal(err)
	}
	return string(sql)
}

func (o *oldWorker) run(ctx context.Context, name string, args ...any) []map[string]any {
	o.tb.Helper()
	rows, err := o.pool.Query(ctx, o.text(name), args...)
	if err != nil {
		if ctx.Err() == nil {
			o.tb.Errorf("%s: %v", name, err)
		}
		return nil
	}
	out, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil && ctx.Err() == nil {
		o.tb.Errorf("%s: %v", name, err)
	}
	return out
}

// drain claims and settles until ctx ends; its tokens are positive.
func (o *oldWorker) drain(ctx context.Context) {
	for token := int64(1); ctx.Err() == nil; token++ {
		rows := o.run(ctx, "mailClaim", 3600.0, 10, make([]int64, mail.Priorities), 10, token, 30.0, 1<<20)
		var ids, tokens []int64
		n := len(rows)
		for _, r := range rows {
			ids, tokens = append(ids, r["queue_id"].(int64)), append(tokens, token)
			o.sent = append(o.sent, r["recipient"].(string))
		}
		if n > 0 { // a started batch is written even when the test is over
			o.run(context.WithoutCancel(ctx), "mailSettle", ids, tokens, fill(n, "sent"), fill(n, int32(1)), fill(n, 0.0), fill(n, ""), fill(n, int32(250)), fill(n, "ok"), fill(n, "old"))
		}
	}
}

func fill[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// A worker of the previous version and one of this share the queue on the present
// schema: every mail goes out once, and files that are stored apart only through
// the one that can read them.
func TestMailWorkerOfThePreviousVersion(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	eventually(t, db, "the worker is seen", "SELECT count(*) = 1 FROM sespan.mail_worker")
	old := &oldWorker{pool: db.Login(t, "", "sespan_service").Pool, tb: t}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { old.drain(ctx) })
	for i := range 20 {
		mailExec(t, db, `SELECT sespan.mail_enqueue(recipient => 'plain' || i || '@b.co', body_text => 'x') FROM generate_series($1::int * 20, $1::int * 20 + 19) i`, i)
		mailExec(t, db, `SELECT sespan.mail_enqueue(recipient => 'file' || $1::int || '@b.co', body_text => 'x', attachments => jsonb_build_array(jsonb_build_object(
			'filename', 'a.txt', 'content_type', 'text/plain', 'content', encode(convert_to(repeat('a file ', 3000), 'UTF8'), 'base64'))))`, i)
	}
	eventually(t, db, "all are done", queueEmpty)
	cancel()
	wg.Wait()
	times := map[string]int{}
	for _, r := range old.sent {
		times[r]++
		if strings.HasPrefix(r, "file") {
			t.Errorf("%s went to the worker that cannot read its file", r)
		}
	}
	for _, e := range box.sent() {
		times[e.Recipient]++
	}
	if len(times) != 420 {
		t.Errorf("%d of 420 mails were sent", len(times))
	}
	for r, n := range times {
		if n != 1 {
			t.Errorf("%s was sent %d times", r, n)
		}
	}
}

// The other statements of the previous worker still do what they did.
func TestMailStatementsOfThePreviousVersion(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	old := &oldWorker{pool: db.Login(t, "", "sespan_service").Pool, tb: t}
	enqueueMany(t, db, 3)
	var ids []int64
	for _, r := range old.run(t.Context(), "mailClaim", 3600.0, 10, make([]int64, mail.Priorities), 10, int64(7), 0.05, 1<<20) {
		ids = append(ids, r["queue_id"].(int64))
	}
	tokens := fill(len(ids), int64(7))
	for _, step := range []struct {
		name string
		args []any
		rows int
	}{
		{"mailBegin", []any{ids, fill(3, int64(8))}, 0},
		{"mailExtend", []any{30.0, ids, tokens}, 3},
		{"mailBegin", []any{ids, tokens}, 3},
		{"mailReclaim", []any{10}, 0},
		{"mailRelease", []any{ids, tokens}, 1},
		{"mailNextDue", nil, 1},
		{"mailDepth", nil, 1},
		{"mailTriggerEnabled", nil, 1},
		{"mailAwake", []any{1}, 1},
		{"mailDoze", nil, 1},
		{"mailOthers", nil, 1},
		{"mailBell", nil, 1},
		{"mailTidy", []any{10}, 1},
	} {
		if got := len(old.run(t.Context(), step.name, step.args...)); got != step.rows {
			t.Errorf("%s: %d rows, want %d", step.name, got, step.rows)
		}
	}
}

// A worker whose clock jumps by an hour, to and fro, sends every mail once: what
// it can no longer be sure of it leaves to the lapse of the lease, which the
// database's clock decides.
func TestMailWorkerWhoseClockJumps(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	var step atomic.Int64
	jumps := []time.Duration{0, time.Hour, 0, -time.Hour, 0}
	var sent atomic.Int64
	box := newMailbox(func(int, mail.Envelope) error {
		if n := int(sent.Add(1)); n%60 == 0 && n/60 < len(jumps) {
			step.Store(int64(jumps[n/60]))
		}
		return nil
	})
	startWorker(t, db, box, func(c *mail.WorkerConfig) {
		c.Lease = 4 * time.Second
		c.Now = func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
	})
	for i := range 40 {
		mailExec(t, db, `SELECT sespan.mail_enqueue(recipient => 'jump' || i || '@b.co', body_text => 'x') FROM generate_series($1::int * 10, $1::int * 10 + 9) i`, i)
	}
	eventually(t, db, "all are done", queueEmpty)
	times := map[string]int{}
	for _, e := range box.sent() {
		times[e.Recipient]++
	}
	for r, n := range times {
		if n != 1 {
			t.Errorf("%s was sent %d times", r, n)
		}
	}
	if len(times) != 400 {
		t.Errorf("%d of 400 mails were sent", len(times))
	}
}
