package mail

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// fakeMarks answers looks as mark says.
type fakeMarks struct {
	mark func(Lane, LaneLimit) Marked
	took time.Duration // a look

	mu    sync.Mutex
	taken int // marks that were taken back
}

func (*fakeMarks) SuppressNotify(context.Context, time.Duration) error { return nil }
func (*fakeMarks) AllowNotify(context.Context) (int, bool, error)      { return 0, true, nil }
func (*fakeMarks) OpenInserters(context.Context) (int, error)          { return 0, nil }
func (*fakeMarks) Notify(context.Context) error                        { return nil }
func (*fakeMarks) Heartbeat(context.Context, Heartbeat) (int, error)   { return 1, nil }
func (*fakeMarks) Deregister(context.Context, int64) error             { return nil }
func (*fakeMarks) NextDue(context.Context) (time.Duration, error)      { return Forever, nil }

func (s *fakeMarks) ClearMarks(_ context.Context, list []Announcement) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken += len(list)
	return len(list), nil
}

func (s *fakeMarks) takenBack() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

func (s *fakeMarks) Mark(_ context.Context, o MarkOptions) (list []Marked, err error) {
	time.Sleep(s.took)
	for lane, l := range o.Lanes {
		if l.Batch > 0 {
			m := s.mark(Lane(lane), l)
			m.Lane, m.At = Lane(lane), time.Now()
			list = append(list, m)
		}
	}
	return list, nil
}

// announcing takes what is published, the first batch excepted where told.
type announcing struct {
	fakeBroker
	refuseFirst bool

	mu    sync.Mutex
	times []time.Time
}

func (b *announcing) Publish(_ context.Context, list []Announcement) []error {
	time.Sleep(time.Millisecond)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.times = append(b.times, time.Now())
	errs := make([]error, len(list))
	if b.refuseFirst && len(b.times) == 1 {
		for i := range errs {
			errs[i] = ErrRefused
		}
	}
	return errs
}

func runAnnouncer(t *testing.T, s AnnounceStore, b Broker, d time.Duration) {
	t.Helper()
	a, err := NewAnnouncer(AnnouncerConfig{
		Store: s, Broker: b, Dispatch: "amqp", Installation: uuid.New(), Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Notifications: make(chan struct{}), Listening: func() bool { return true }, Jitter: func() float64 { return 0.5 },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	a.Run(ctx)
}

// A row that was committed late is found by a look from the start, which each lane gets
// once in about a second, whether its window is full or it has plenty.
func TestEachLaneIsLookedAtFromTheStart(t *testing.T) {
	t.Parallel()
	const rate = 400 // rows a second are claimed, and more wait
	for _, share := range []float64{1, 0.7} {
		for _, took := range []time.Duration{0, time.Millisecond, 4 * time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				last, longest := begin, time.Duration(0)
				looked := begin
				store := &fakeMarks{took: took, mark: func(lane Lane, l LaneLimit) (m Marked) {
					if lane != LaneUrgent {
						return m
					}
					now := time.Now()
					m.QueueIDs, m.Unclaimed = make([]int64, int(now.Sub(looked).Seconds()*rate)), int(share*float64(l.Window))
					looked = now
					if l.Sweep {
						longest, last = max(longest, now.Sub(last)), now
					}
					return m
				}}
				runAnnouncer(t, store, &announcing{}, 2*time.Minute)
				if longest = max(longest, begin.Add(2*time.Minute).Sub(last)); longest > longestSweepPause+longestRecount+stuckPause+3*took {
					t.Errorf("window filled to %v, a look takes %v: %v without a look from the start", share, took, longest)
				}
			})
		}
	}
}

// What the broker refuses is tried again after a trial's pause, not at the next poll.
func TestARefusalIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store *fakeMarks
		begin, given := time.Now(), 0
		store = &fakeMarks{mark: func(lane Lane, _ LaneLimit) (m Marked) {
			if lane == LaneUrgent && time.Since(begin) > 5*time.Second && given <= store.takenBack() {
				given++
				m.QueueIDs, m.Unclaimed = []int64{1024}, 1
			}
			return m
		}}
		b := &announcing{refuseFirst: true}
		runAnnouncer(t, store, b, 20*time.Second)
		if len(b.times) < 2 || b.times[1].Sub(b.times[0]) > 3*shortestTrial {
			t.Errorf("published at %v", b.times)
		}
	})
}
