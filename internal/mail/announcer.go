package mail

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// AnnouncerConfig of an Announcer; zero values mean the defaults in brackets.
type AnnouncerConfig struct {
	Store        AnnounceStore
	Broker       Broker
	Dispatch     string // amqp or kafka, as the sign of life says it
	Installation uuid.UUID
	Logger       *slog.Logger
	Metrics      prometheus.Registerer

	Notifications <-chan struct{} // from the listener; nil: poll only
	Listening     func() bool     // whether notifications reach the listener; nil: no

	Window            int                  // most unclaimed announcements of a lane [5000]
	Batch             int                  // most rows of one mark [a quarter of Window]
	Again             [Lanes]time.Duration // an unclaimed announcement of this age is made again [5 s, 30 s, 30 s]
	PublishTimeout    time.Duration        // for the broker's answer to a batch [5 s]
	Poll              time.Duration        // longest sleep while notifications work [1 s]
	PollWithoutNotify time.Duration        // and while they do not [250 ms]
	SweepInterval     time.Duration        // least pause between two looks from the start, see sespan.mail_announce [100 ms]

	Now    func() time.Time // [time.Now]
	Jitter func() float64   // in [0, 1) [math/rand/v2]
}

func (c *AnnouncerConfig) setDefaults() {
	c.Window = cmp.Or(c.Window, 5000)
	c.Batch = cmp.Or(c.Batch, max(c.Window/4, 1))
	for lane, age := range [Lanes]time.Duration{LaneUrgent: 5 * time.Second, LaneNormal: 30 * time.Second, LaneBulk: 30 * time.Second} {
		c.Again[lane] = cmp.Or(c.Again[lane], age)
	}
	c.PublishTimeout = cmp.Or(c.PublishTimeout, 5*time.Second)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.PollWithoutNotify = cmp.Or(c.PollWithoutNotify, 250*time.Millisecond)
	c.SweepInterval = cmp.Or(c.SweepInterval, 100*time.Millisecond)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Listening == nil {
		c.Listening = func() bool { return false }
	}
}

// aliveEvery is between two signs of life: senders judge by them within 3 s.
const aliveEvery = time.Second

// Announcer tells a broker which rows are ready. It commits a mark first, then publishes
// with no transaction open; a confirmation writes nothing, whatever else comes takes the
// mark back. Any number may work at once. See doc.go.
type Announcer struct {
	AnnouncerConfig
	id       int64 // of its row in mail_worker
	log      *slog.Logger
	metrics  *announcerMetrics
	lanes    [Lanes]*announceLane
	liveness liveness
	freed    chan struct{} // one signal when a batch is through

	// Of the looking goroutine alone.
	bell    doorbell
	nextDue nextDue
	rungAt  time.Time // when the others were last woken
}

// NewAnnouncer checks the configuration and registers the metrics.
func NewAnnouncer(c AnnouncerConfig) (*Announcer, error) {
	if c.Store == nil || c.Broker == nil || c.Logger == nil || c.Metrics == nil || c.Dispatch == "" || c.Installation == uuid.Nil {
		return nil, errors.New("mail: Store, Broker, Dispatch, Installation, Logger and Metrics are required")
	}
	c.setDefaults()
	a := &Announcer{
		AnnouncerConfig: c,
		id:              rand.Int64(), //nolint:gosec // as a worker's
		log:             c.Logger.With("component", "announcer"),
		metrics:         newAnnouncerMetrics(c.Metrics),
		freed:           make(chan struct{}, 1),
		nextDue:         nextDue{sooner: make(chan struct{}, 1)},
	}
	for lane := range a.lanes {
		a.lanes[lane] = newAnnounceLane(Lane(lane), c.Again[lane], c.Window)
	}
	a.bell = doorbell{store: c.Store, now: c.Now, await: a.await}
	return a, nil
}

// Run announces until ctx ends. What is marked then is still published, or its mark
// taken back.
func (a *Announcer) Run(ctx context.Context) {
	lasting := context.WithoutCancel(ctx)
	keeping, stopKeeping := context.WithCancel(lasting)
	defer stopKeeping()
	var publishers, keeper sync.WaitGroup
	for _, l := range a.lanes {
		publishers.Go(func() {
			for batch := range l.batches {
				a.publish(lasting, l, batch)
			}
		})
	}
	keeper.Go(func() { a.keepAlive(keeping) })
	retrying(ctx, a.log, a.Jitter, "mail: the queue cannot be read, so nothing is announced, waiting", func(ctx context.Context) error {
		err := a.round(ctx)
		if err != nil {
			a.bell.reliable = false
		}
		return err
	})
	for _, l := range a.lanes {
		close(l.batches)
	}
	publishers.Wait()
	stopKeeping()
	keeper.Wait()
	leaving, cancel := context.WithTimeout(lasting, storeTimeout)
	defer cancel()
	if err := errors.Join(a.bell.leave(leaving), a.Store.Deregister(leaving, a.id)); err != nil {
		a.log.WarnContext(leaving, "mail: the announcer's row stays for a while", "err", err)
	}
}

// keepAlive shows until ctx ends that this announcer lives, and what the broker makes of it.
func (a *Announcer) keepAlive(ctx context.Context) {
	for failing := false; ctx.Err() == nil; pause(ctx, aliveEvery) {
		bounded, cancel := context.WithTimeout(ctx, storeTimeout)
		_, err := a.Store.Heartbeat(bounded, Heartbeat{
			Worker: a.id, NotificationsWork: a.notificationsWork(), Dispatch: a.Dispatch, Announcer: a.liveness.ago(a.Now()),
		})
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			a.log.WarnContext(ctx, "mail: the announcer's sign of life cannot be written", "err", err)
		}
		failing = err != nil
	}
}

func (a *Announcer) notificationsWork() bool { return a.Notifications != nil && a.Listening() }

// liveness is when the broker last confirmed something.
type liveness struct {
	mu        sync.Mutex
	confirmed time.Time
	waiting   time.Time // since when there has been something to announce without a confirmation
	under     int       // batches under way
}

// begin notes that there is something to announce.
func (l *liveness) begin(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under++
	if l.waiting.IsZero() {
		l.waiting = now
	}
}

// end notes the broker's answer.
func (l *liveness) end(now time.Time, confirmed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under--
	if !confirmed {
		return
	}
	l.confirmed, l.waiting = now, time.Time{}
	if l.under > 0 {
		l.waiting = now
	}
}

// idle notes that there is nothing to announce.
func (l *liveness) idle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under == 0 {
		l.waiting = time.Time{}
	}
}

// ago says how long both are ago.
func (l *liveness) ago(now time.Time) *AnnouncerLiveness {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := func(t time.Time) *time.Duration {
		if t.IsZero() {
			return nil
		}
		d := now.Sub(t)
		return &d
	}
	return &AnnouncerLiveness{Confirmed: since(l.confirmed), Waiting: since(l.waiting)}
}
