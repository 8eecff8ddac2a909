package mail

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// fakeBroker delivers what the test gives it.
type fakeBroker struct {
	deliveries chan Delivery

	mu    sync.Mutex
	acked []int64
	room  [][Lanes]int // each word about it
	ended bool
}

func (*fakeBroker) Publish(context.Context, []Announcement) []error { return nil }

func (b *fakeBroker) Consume(context.Context, ConsumeOptions) Consumption { return b }

func (*fakeBroker) Check(context.Context) error { return nil }

func (b *fakeBroker) Deliveries() <-chan Delivery { return b.deliveries }

func (b *fakeBroker) Ack(_ context.Context, list []Delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range list {
		b.acked = append(b.acked, d.QueueID)
	}
	return nil
}

func (b *fakeBroker) SetRoom(room [Lanes]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room = append(b.room, room)
}

func (*fakeBroker) Connected() bool { return true }

func (b *fakeBroker) Close(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	return nil
}

// announce delivers announcements of rows.
func (b *fakeBroker) announce(lane Lane, ids ...int64) {
	for _, id := range ids {
		b.deliveries <- Delivery{Announcement: Announcement{QueueID: id, Lane: lane}, Received: time.Now()}
	}
}

// settled are the rows that were acknowledged.
func (b *fakeBroker) settled() []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.acked))
}

// heard is what it was told of the room.
func (b *fakeBroker) heard() [][Lanes]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.room)
}

// runConsumer runs a worker that learns of rows from the broker.
func runConsumer(t *testing.T, s *fakeStore, sender Sender, change func(*WorkerConfig), then func(w *Worker, b *fakeBroker, stop func())) {
	t.Helper()
	b := &fakeBroker{}
	with := func(c *WorkerConfig) {
		b.deliveries = make(chan Delivery, 1000)
		c.Broker, c.Announced = b, s
		if change != nil {
			change(c)
		}
	}
	runWorker(t, s, sender, with, func(w *Worker, stop func()) { then(w, b, stop) })
}

func deliveriesOf(w *Worker, lane Lane, result string) int {
	m := w.dispatcher.(*brokerDispatcher).metrics
	return int(testutil.ToFloat64(m.deliveries.WithLabelValues(lane.String(), result)))
}

func TestConsumerAcknowledgesEachResultOfAClaim(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(5, nil)
	s.rows[2*1024].state, s.rows[2*1024].due = StateRetry, time.Now().AddDate(100, 0, 0)
	s.rows[3*1024].state = StateSending // another worker's
	runConsumer(t, s, senderFunc(accept), nil, func(w *Worker, b *fakeBroker, _ func()) {
		b.announce(LaneNormal, 1024, 2*1024, 3*1024, 1024, 99*1024)
		synctest.Wait()
		time.Sleep(time.Second)
		if got, want := b.settled(), []int64{1024, 1024, 2 * 1024, 3 * 1024, 99 * 1024}; !slices.Equal(got, want) {
			t.Errorf("acknowledged %v, want %v", got, want)
		}
		if claimed, stale := deliveriesOf(w, LaneNormal, deliveryClaimed), deliveriesOf(w, LaneNormal, deliveryStale); claimed != 1 || stale != 4 {
			t.Errorf("%d claimed, %d stale, want 1 and 4", claimed, stale)
		}
		if n := inspect(s, func() int { return len(s.done) }); n != 1 {
			t.Errorf("%d mails sent: only what was announced is claimed", n)
		}
	})
}

func TestConsumerAcknowledgesNothingWhenAClaimFails(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(3, nil)
	away := errors.New("the database is away")
	s.fail = func() error { return away }
	runConsumer(t, s, senderFunc(accept), nil, func(_ *Worker, b *fakeBroker, _ func()) {
		b.announce(LaneUrgent, 1024, 2*1024, 3*1024)
		time.Sleep(time.Minute)
		if got := b.settled(); len(got) != 0 {
			t.Errorf("%v acknowledged although no claim succeeded", got)
		}
		inspect(s, func() bool { s.fail = func() error { return nil }; return true })
		time.Sleep(20 * time.Second)
		if n := inspect(s, func() int { return len(s.done) }); n != 3 || len(b.settled()) != 3 {
			t.Errorf("%d sent, %v acknowledged once the database is back", n, b.settled())
		}
	})
}

// What is ready and finds no room is held for two seconds, then left to others; after a
// second nothing more is delivered, until there is room again.
func TestConsumerWithoutRoomHoldsAndGivesUp(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(100, nil)
	var begin chan struct{} // made in the bubble
	sender := senderFunc(func(context.Context, Envelope) (Receipt, error) { <-begin; return Receipt{}, nil })
	runConsumer(t, s, sender, func(*WorkerConfig) { begin = make(chan struct{}) }, func(w *Worker, b *fakeBroker, _ func()) {
		for id := range int64(100) {
			b.announce(LaneNormal, (id+1)*1024)
		}
		time.Sleep(holdFor - 10*time.Millisecond)
		claimed := deliveriesOf(w, LaneNormal, deliveryClaimed)
		if claimed == 0 || claimed == 100 || len(b.settled()) != claimed {
			t.Fatalf("%d of 100 claimed, %d acknowledged", claimed, len(b.settled()))
		}
		if heard := b.heard(); len(heard) == 0 || heard[len(heard)-1] != [Lanes]int{} {
			t.Errorf("the broker heard of room: %v", heard)
		}
		time.Sleep(20 * time.Millisecond)
		if n := inspect(s, func() int { return len(s.cleared) }); n != 100-claimed || len(b.settled()) != 100 {
			t.Errorf("%d marks cleared, %d acknowledged, want %d and 100", n, len(b.settled()), 100-claimed)
		}
		if n := deliveriesOf(w, LaneNormal, deliveryCleared); n != 100-claimed || deliveriesOf(w, LaneNormal, deliveryHeld) != n {
			t.Errorf("%d counted as cleared", n)
		}
		close(begin)
		time.Sleep(time.Second)
		if heard := b.heard(); slices.Contains(heard[len(heard)-1][:], 0) {
			t.Errorf("the broker heard of room: %v", heard)
		}
	})
}

// The urgent lane goes first, whatever came before.
func TestConsumerClaimsTheUrgentLaneFirst(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(60, nil)
	runConsumer(t, s, senderFunc(accept), func(c *WorkerConfig) { c.Connections, c.Batch = 1, 4 }, func(_ *Worker, b *fakeBroker, _ func()) {
		var bulk []int64
		for id := range int64(59) {
			bulk = append(bulk, (id+1)*1024)
		}
		b.mu.Lock() // the worker stands at its first acknowledgement until all is delivered
		b.announce(LaneBulk, bulk...)
		b.announce(LaneUrgent, 60*1024)
		b.mu.Unlock()
		time.Sleep(time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		if place := slices.Index(b.acked, 60*1024); place < 0 || place > 8 {
			t.Errorf("the urgent row came as number %d of %d", place, len(b.acked))
		}
	})
}

func TestConsumerLeavesWhatItHasNotClaimed(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.put(50, nil)
	down := &downSender{}
	runConsumer(t, s, down, func(*WorkerConfig) { down.up = make(chan struct{}) }, func(_ *Worker, b *fakeBroker, stop func()) {
		b.announce(LaneNormal, 1024, 2*1024)
		time.Sleep(time.Second)
		stop()
		if len(b.acked) != 0 || !b.ended {
			t.Errorf("%v acknowledged, ended %v: others must get them", b.acked, b.ended)
		}
	})
}

func TestFallbackComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	s.fallback = Fallback{Urgent: true, Reason: "no announcer lives"}
	s.put(10, nil)
	sent := func() int { return inspect(s, func() int { return len(s.done) }) }
	runConsumer(t, s, senderFunc(accept), func(c *WorkerConfig) { c.Fallback = true }, func(w *Worker, _ *fakeBroker, _ func()) {
		on := func(lane string) float64 {
			return testutil.ToFloat64(w.dispatcher.(*brokerDispatcher).metrics.fallbacks.WithLabelValues(lane))
		}
		time.Sleep(fallbackGrace)
		if sent() != 0 {
			t.Error("it came before announcers could have started")
		}
		time.Sleep(3 * time.Second)
		if sent() != 10 || on("urgent") != 1 || on("others") != 0 {
			t.Errorf("%d of 10 sent from the database, urgent %v, others %v", sent(), on("urgent"), on("others"))
		}
		inspect(s, func() bool { s.fallback = Fallback{}; return true })
		time.Sleep(20 * time.Second)
		s.put(1, nil)
		time.Sleep(20 * time.Second)
		if sent() != 11 || on("urgent") != 0 {
			t.Errorf("%d sent, urgent %v: it lasts for half a minute", sent(), on("urgent"))
		}
		if !s.put(1, nil) {
			t.Error("notifications stay suppressed")
		}
		time.Sleep(time.Minute)
		if sent() != 11 {
			t.Error("it never ends")
		}
	})
}

// A consumer whose senders have enough waits for a larger claim, unless there is one, or
// what has come is more urgent.
func TestConsumerGathersAheadOfItsSenders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		leased  int // of priority 9
		held    int
		lane    Lane
		gathers bool
	}{
		{"enough to send", 8, 1, LaneBulk, true},
		{"about to run out", 7, 1, LaneBulk, false},
		{"a claim's worth", 8, 100, LaneBulk, false},
		{"more urgent than what is leased", 8, 1, LaneUrgent, false},
	} {
		w := &Worker{WorkerConfig: WorkerConfig{Batch: 100, Connections: 4}, leases: newLeaseTable(time.Now), prefetch: prefetch{now: time.Now}}
		rows := make([]Claimed, c.leased)
		for i := range rows {
			rows[i].QueueID, rows[i].Priority = int64(i), 9
		}
		w.leases.add(rows, time.Now().Add(time.Minute))
		d := &brokerDispatcher{w: w}
		d.held[c.lane] = make([]heldDelivery, c.held)
		if d.ahead() != c.gathers {
			t.Errorf("%s: gathers is %v", c.name, !c.gathers)
		}
	}
}
