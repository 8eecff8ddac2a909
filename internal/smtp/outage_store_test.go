package smtp

import (
	"context"
	"sync"
	"time"

	"sespan/internal/mail"
)

// memoryQueue is a queue in memory: leases lapse by its clock, as in the database.
type memoryQueue struct {
	mu      sync.Mutex
	rows    map[int64]*memoryRow
	sent    map[int64]time.Time
	tries   int // that any mail was charged
	lapses  int // leases that ran out
	refused int // results that came after their lease
}

type memoryRow struct {
	mail.Claimed
	due    time.Time
	leased time.Time // until then; zero for none
}

func newMemoryQueue() *memoryQueue {
	return &memoryQueue{rows: map[int64]*memoryRow{}, sent: map[int64]time.Time{}}
}

func (q *memoryQueue) put(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range n {
		id := int64(len(q.rows) + len(q.sent) + 1)
		q.rows[id] = &memoryRow{Claimed: mail.Claimed{
			Lease: mail.Lease{QueueID: id}, MessageID: id, Recipient: "b@shop.example", Priority: 5, Fresh: true, ExpiresIn: mail.Forever, Size: 10,
			Stored: &mail.Stored{Date: time.Now(), To: []string{"b@shop.example"}, Subject: "s", Text: "t"},
		}}
	}
}

func (q *memoryQueue) Claim(_ context.Context, c mail.Claim) (out []mail.Claimed, _ error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, r := range q.rows {
		if len(out) < c.Limit && r.leased.IsZero() && !now.Before(r.due) {
			r.Token, r.leased = c.Token, now.Add(c.Lease)
			out = append(out, r.Claimed)
		}
	}
	return out, nil
}

// held are those of the leases whose rows still carry them.
func (q *memoryQueue) held(leases []mail.Lease) (rows []*memoryRow, ids []int64) {
	for _, l := range leases {
		if r := q.rows[l.QueueID]; r != nil && !r.leased.IsZero() && r.Token == l.Token {
			rows, ids = append(rows, r), append(ids, l.QueueID)
		}
	}
	return rows, ids
}

func (q *memoryQueue) MarkSending(_ context.Context, leases []mail.Lease) ([]int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, ids := q.held(leases)
	return ids, nil
}

func (q *memoryQueue) Settle(_ context.Context, results []mail.Result) (ids []int64, _ error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, result := range results {
		rows, _ := q.held([]mail.Lease{result.Lease})
		if len(rows) == 0 {
			q.refused++
			continue
		}
		ids = append(ids, result.QueueID)
		if result.State == mail.StateSent {
			delete(q.rows, result.QueueID)
			q.sent[result.QueueID] = time.Now()
			continue
		}
		q.tries += result.Tries
		rows[0].due, rows[0].leased, rows[0].Fresh = time.Now().Add(result.Delay), time.Time{}, false
	}
	return ids, nil
}

func (q *memoryQueue) Release(_ context.Context, leases []mail.Lease) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	rows, _ := q.held(leases)
	for _, r := range rows {
		r.leased, r.Fresh = time.Time{}, false
	}
	return nil
}

func (q *memoryQueue) RenewLeases(_ context.Context, leases []mail.Lease, d time.Duration) ([]int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rows, ids := q.held(leases)
	for _, r := range rows {
		r.leased = time.Now().Add(d)
	}
	return ids, nil
}

func (q *memoryQueue) Reclaim(context.Context, int) (again, held int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.rows {
		if !r.leased.IsZero() && time.Now().After(r.leased) {
			r.leased, r.Token = time.Time{}, 0
			r.Lapses++
			q.lapses++
			again++
		}
	}
	return again, 0, nil
}

func (q *memoryQueue) NextDue(context.Context) (time.Duration, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := mail.Forever
	for _, r := range q.rows {
		if r.leased.IsZero() {
			next = min(next, max(time.Until(r.due), 0))
		}
	}
	return next, nil
}

func (*memoryQueue) Park(context.Context, []mail.Lease, []string) error  { return nil }
func (*memoryQueue) SuppressNotify(context.Context, time.Duration) error { return nil }
func (*memoryQueue) AllowNotify(context.Context) (int, bool, error)      { return 0, true, nil }
func (*memoryQueue) OpenInserters(context.Context) (int, error)          { return 0, nil }
func (*memoryQueue) Notify(context.Context) error                        { return nil }
func (*memoryQueue) Depth(context.Context) (mail.Depth, error) {
	return mail.Depth{TriggerEnabled: true}, nil
}
func (*memoryQueue) Unpark(context.Context) (bool, error)                   { return true, nil }
func (*memoryQueue) Cleanup(context.Context) error                          { return nil }
func (*memoryQueue) Heartbeat(context.Context, mail.Heartbeat) (int, error) { return 1, nil }
func (*memoryQueue) Deregister(context.Context, int64) error                { return nil }

func (q *memoryQueue) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.sent)
}
