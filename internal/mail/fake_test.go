package mail

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// fakeStore is a queue in memory that keeps the rules of the real one.
type fakeStore struct {
	mu              sync.Mutex
	rows            map[int64]*fakeRow
	claims          int
	suppressedUntil time.Time // notifications
	inserters       int       // transactions that may have read suppressed
	done            map[int64]Result
	begun           []int64
	notifications   chan struct{}

	fail       func() error           // of every call
	failSettle func(r []Result) error // of Settle alone
	loseLeases bool                   // RenewLeases answers none
	vanish     bool                   // workers that end do not say so
	seen       map[int64]time.Time    // signs of life of the workers

	claimTakes time.Duration // from the commit of a claim to its answer

	cleared  []int64  // marks that were taken away
	fallback Fallback // answered to those who ask
}

type fakeRow struct {
	Claimed
	state State
	due   time.Time
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		rows: map[int64]*fakeRow{}, seen: map[int64]time.Time{}, done: map[int64]Result{}, notifications: make(chan struct{}, 1),
		fail: func() error { return nil }, failSettle: func([]Result) error { return nil },
	}
}

// put enqueues n mails and notifies as the trigger does; it answers whether it did.
func (s *fakeStore) put(n int, change func(*Claimed)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		id := int64(len(s.rows)+len(s.done)+1) * 1024
		c := Claimed{
			Lease: Lease{QueueID: id}, MessageID: id / 1024, Recipient: "a@b.co", Priority: 5, Fresh: true, ExpiresIn: Forever, Size: 10,
			Stored: &Stored{Date: time.Unix(1_700_000_000, 0), To: []string{"a@b.co"}, Subject: "s", Text: "t"},
		}
		if change != nil {
			change(&c)
		}
		s.rows[id] = &fakeRow{Claimed: c, state: StateQueued}
	}
	if time.Now().Before(s.suppressedUntil) {
		return false
	}
	s.notify()
	return true
}

func (s *fakeStore) notify() {
	select {
	case s.notifications <- struct{}{}:
	default:
	}
}

func (s *fakeStore) Claim(ctx context.Context, c Claim) (out []Claimed, err error) {
	defer s.answerLate(ctx, &err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims++
	if err := s.fail(); err != nil {
		return nil, err
	}
	for _, r := range s.ready(c) {
		if len(out) >= c.Limit || bytesOf(out) >= c.Bytes {
			break
		}
		r.state, r.Token = StateSending, c.Token
		out = append(out, r.Claimed)
	}
	return out, nil
}

// answerLate delays the answer to a claim that is committed already; whoever does not wait
// for it learns nothing of its rows.
func (s *fakeStore) answerLate(ctx context.Context, err *error) {
	if s.claimTakes == 0 {
		return
	}
	select {
	case <-time.After(s.claimTakes):
	case <-ctx.Done():
		*err = ctx.Err()
	}
}

// ready lists what a claim may take, the more urgent first.
func (s *fakeStore) ready(c Claim) (list []*fakeRow) {
	for _, r := range s.rows {
		if r.state != StateSending && r.state != StateUnknown && !time.Now().Before(r.due) &&
			(c.Passing == 0 || r.Priority < c.Passing) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *fakeRow) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueueID, b.QueueID))
	})
	return list
}

func (s *fakeStore) MarkSending(_ context.Context, leases []Lease) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.leased(leases)
	s.begun = append(s.begun, ids...)
	return ids, s.fail()
}

func (s *fakeStore) leased(leases []Lease) []int64 {
	var ids []int64
	for _, l := range leases {
		if r := s.rows[l.QueueID]; r != nil && r.state == StateSending && r.Token == l.Token {
			ids = append(ids, l.QueueID)
		}
	}
	return ids
}

func (s *fakeStore) Settle(_ context.Context, results []Result) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return nil, err
	}
	if err := s.failSettle(results); err != nil {
		return nil, err
	}
	var ids []int64
	for _, r := range results {
		if len(s.leased([]Lease{r.Lease})) == 0 {
			continue
		}
		ids = append(ids, r.QueueID)
		row := s.rows[r.QueueID]
		row.Attempts += r.Tries
		switch r.State {
		case StateRetry, StateUnknown:
			row.state, row.due, row.Fresh = r.State, time.Now().Add(r.Delay), false
		default:
			delete(s.rows, r.QueueID)
			s.done[r.QueueID] = r
		}
	}
	return ids, nil
}

func (s *fakeStore) Release(_ context.Context, leases []Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.leased(leases) {
		s.rows[id].state, s.rows[id].Fresh = StateScheduled, false
	}
	s.notify()
	return s.fail()
}

func (s *fakeStore) RenewLeases(_ context.Context, leases []Lease, _ time.Duration) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loseLeases {
		return nil, s.fail()
	}
	return s.leased(leases), s.fail()
}

func (s *fakeStore) Reclaim(context.Context, int) (retried, unknown int, err error) { return 0, 0, nil }

func (s *fakeStore) SuppressNotify(_ context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suppressedUntil = time.Now().Add(d)
	return s.fail()
}

func (s *fakeStore) AllowNotify(context.Context) (inserters int, on bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suppressedUntil = time.Time{}
	return s.inserters, true, s.fail()
}

func (s *fakeStore) OpenInserters(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inserters, s.fail()
}

func (s *fakeStore) Notify(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify()
	return s.fail()
}

func (s *fakeStore) NextDue(context.Context) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := Forever
	for _, r := range s.rows {
		if (r.state == StateRetry || r.state == StateScheduled) && r.due.After(time.Now()) {
			next = min(next, time.Until(r.due))
		}
	}
	return next, s.fail()
}

func (s *fakeStore) Depth(context.Context) (Depth, error) {
	return Depth{Rows: map[State]int64{StateQueued: 3}, OldestReady: time.Minute, TriggerEnabled: true}, nil
}

func (s *fakeStore) Cleanup(context.Context) error { return nil }

func (s *fakeStore) Unpark(context.Context) (bool, error) { return true, nil }

func (s *fakeStore) Heartbeat(_ context.Context, h Heartbeat) (senders int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[h.Worker] = time.Now()
	for _, at := range s.seen {
		if time.Since(at) < time.Minute {
			senders++
		}
	}
	return senders, s.fail()
}

func (s *fakeStore) Deregister(_ context.Context, worker int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.vanish {
		delete(s.seen, worker)
	}
	return nil
}

func (s *fakeStore) Park(_ context.Context, leases []Lease, _ []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.leased(leases) {
		s.rows[id].state, s.rows[id].due = StateScheduled, time.Now().AddDate(100, 0, 0)
	}
	return s.fail()
}

// inspect reads the fake's state.
func inspect[T any](s *fakeStore, read func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read()
}

// runWorker runs a worker on fake time; stop ends it and waits.
func runWorker(t *testing.T, s *fakeStore, sender Sender, change func(*WorkerConfig), then func(w *Worker, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.notifications = make(chan struct{}, 1)
		c := WorkerConfig{
			Store: s, Sender: sender, From: "Shop <shop@b.co>", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Metrics: prometheus.NewRegistry(), Notifications: s.notifications, Listening: func() bool { return true },
			Jitter: func() float64 { return 0.5 }, Token: counter(),
		}
		if change != nil {
			change(&c)
		}
		w, err := NewWorker(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.Run(ctx) })
		stop := sync.OnceFunc(func() { cancel(); wg.Wait() })
		defer stop()
		synctest.Wait()
		then(w, stop)
	})
}

func counter() func() int64 {
	var mu sync.Mutex
	var n int64
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		n++
		return n
	}
}

// noRegistry takes metrics and forgets them.
type noRegistry struct{ prometheus.Registerer }

func (noRegistry) MustRegister(...prometheus.Collector) {}

func (s *fakeStore) ClaimAnnounced(ctx context.Context, c AnnouncedClaim) (out []Claimed, left []int64, err error) {
	defer s.answerLate(ctx, &err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims++
	if err := s.fail(); err != nil {
		return nil, nil, err
	}
	slices.Sort(c.QueueIDs)
	for _, id := range c.QueueIDs {
		r := s.rows[id]
		switch {
		case r == nil || r.state == StateSending || r.state == StateUnknown || time.Now().Before(r.due):
		case len(out) >= c.Limit || bytesOf(out) >= c.Bytes:
			left = append(left, id)
		default:
			r.state, r.Token = StateSending, c.Token
			out = append(out, r.Claimed)
		}
	}
	return out, left, nil
}

func (s *fakeStore) ClearMarks(_ context.Context, list []Announcement) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return 0, err
	}
	for _, a := range list {
		s.cleared = append(s.cleared, a.QueueID)
	}
	return len(list), nil
}

func (s *fakeStore) Fallback(context.Context) (Fallback, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fallback, s.fail()
}
