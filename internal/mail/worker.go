package mail

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/groupcommit"
	"sespan/internal/mail/ratelimit"
)

// WorkerConfig of a Worker; zero values mean the defaults in brackets.
type WorkerConfig struct {
	Store   Store
	Sender  Sender
	Open    Unsealer                             // nil: sealed mails are dead
	From    string                               // the service's own From mailbox (SESPAN_MAIL_FROM)
	Sign    func(message []byte) ([]byte, error) // DKIM; nil: not signed
	Limits  ratelimit.Limits                     // mails a second
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	Bell              <-chan struct{} // rung by the listener; nil: poll only
	NotificationsWork func() bool     // whether the listener is connected; nil: no

	Connections       int           // senders at once [4]
	Batch             int           // most rows of one claim [1000]
	Bytes             int64         // most content of one claim [16 MiB]
	Lease             time.Duration // life of a lease without heartbeat [30 s]
	Poll              time.Duration // longest sleep while the bell is heard [5 s]
	PollWithoutNotify time.Duration // and while it is not [500 ms]
	Drain             time.Duration // for mails on their way when Run ends [20 s]
	Gauge             time.Duration // between two looks at the queue's depth [15 s]
	Sweep             time.Duration // least pause between two claims without lower bound [100 ms]
	Linger            time.Duration // a result waits this long for company while others are under way [20 ms]

	Now    func() time.Time // [time.Now]
	Jitter func() float64   // in [0, 1) [math/rand/v2]
	Token  func() int64     // of a claim, must not repeat; below zero: it can read files that are stored apart [math/rand/v2]
}

// maxLapses is how many workers may vanish while they hold a mail before it
// counts as the cause.
const maxLapses = 5

// Worker drains the queue. See doc.go for the states and the doorbell.
type Worker struct {
	WorkerConfig
	id           int64 // of its row in mail_worker
	log          *slog.Logger
	metrics      *metrics
	gate         *gate
	backpressure *backpressure
	limits       *ratelimit.Limiter
	leases       *leaseTable
	jobs         chan *Claimed
	results      chan Result
	marker       *groupcommit.Committer[Lease, bool]
	cursor       scanCursor
	prefetch     prefetch

	// Of the pulling goroutine alone:
	suppressedAt   time.Time // when the flag was last raised; zero while it is down
	notifyReliable bool      // the flag is down and nobody inserts who saw it up
	recentRows     float64   // rows of the last looks, the older the less

	limitMetrics *limitMetrics

	triggerOff atomic.Bool // the trigger is gone or disabled: nobody rings

	nextDue nextDue // when a scheduled row or a retry is due, as far as known
}

// NewWorker checks the configuration and registers the metrics.
func NewWorker(c WorkerConfig) (*Worker, error) {
	if c.Store == nil || c.Sender == nil || c.Logger == nil || c.Metrics == nil {
		return nil, errors.New("mail: Store, Sender, Logger and Metrics are required")
	}
	if a, err := mail.ParseAddress(c.From); err != nil || strings.ContainsRune(a.Name, '<') {
		return nil, errors.New("mail: From must be of the form Shop <no-reply@shop.example>")
	}
	c.Connections = orDefault(c.Connections, 4)
	c.Batch = orDefault(c.Batch, 1000)
	c.Bytes = orDefault(c.Bytes, 16<<20)
	c.Lease = orDefault(c.Lease, 30*time.Second)
	c.Poll = orDefault(c.Poll, 5*time.Second)
	c.PollWithoutNotify = orDefault(c.PollWithoutNotify, 500*time.Millisecond)
	c.Drain = orDefault(c.Drain, 20*time.Second)
	c.Gauge = orDefault(c.Gauge, 15*time.Second)
	c.Sweep = orDefault(c.Sweep, 100*time.Millisecond)
	c.Linger = orDefault(c.Linger, 20*time.Millisecond)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Token == nil {
		c.Token = func() int64 { return -1 - rand.Int64() } //nolint:gosec // told apart, not kept secret
	}
	if c.NotificationsWork == nil {
		c.NotificationsWork = func() bool { return false }
	}
	limits := ratelimit.New(c.Limits, c.Now, c.Jitter)
	return &Worker{
		WorkerConfig: c,
		id:           rand.Int64(), //nolint:gosec // as the tokens
		log:          c.Logger.With("component", "mail"),
		metrics:      newMetrics(c.Metrics),
		gate:         newGate(c.Now, c.Jitter),
		backpressure: newBackpressure(),
		limits:       limits,
		limitMetrics: newLimitMetrics(c.Metrics, limits),
		leases:       newLeaseTable(c.Now),
		jobs:         make(chan *Claimed, 3*c.Batch),
		results:      make(chan Result, settleBatch),
		cursor:       scanCursor{pause: c.Sweep},
		prefetch:     prefetch{now: c.Now},
		nextDue:      nextDue{sooner: make(chan struct{}, 1)},
	}, nil
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// Run works until ctx ends. Then it claims no more, finishes the mails that are
// on their way (for at most Drain), gives back what it has not begun, writes the
// last results and returns.
func (w *Worker) Run(ctx context.Context) {
	// What must be sent or written still is when ctx has ended.
	late, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	sending, stopSending := context.WithCancel(late)
	defer stopSending()
	keep, stopKeeping := context.WithCancel(late)
	defer stopKeeping()
	w.marker = groupcommit.New(w.markSending(late), 1, w.Connections, 2*w.Connections)

	var senders, settling, upkeep sync.WaitGroup
	for range w.Connections {
		senders.Go(func() { (&courier{worker: w}).sendAll(ctx, sending) })
	}
	settling.Go(func() { w.settleLoop(late) })
	upkeep.Go(func() { w.every(keep, w.Lease/6, 0, w.renewLeases) })
	upkeep.Go(func() { w.every(ctx, w.Lease/10, maintenanceShare, w.reclaim) })
	upkeep.Go(func() { w.every(ctx, w.Gauge, maintenanceShare, w.gauge) })
	upkeep.Go(func() { w.every(ctx, time.Minute, maintenanceShare, w.cleanup) })
	upkeep.Go(func() { w.every(keep, heartbeatEvery, maintenanceShare, w.heartbeat) })
	upkeep.Go(func() { w.every(ctx, unparkEvery, maintenanceShare, w.unpark) })

	w.fetchLoop(ctx)
	close(w.jobs)
	for job := range w.jobs { // the senders may be busy for long
		w.results <- Result{Lease: job.Lease, State: released}
	}
	defer time.AfterFunc(w.Drain, stopSending).Stop()
	defer time.AfterFunc(w.Drain+storeWait, stopWriting).Stop()
	senders.Wait()
	w.marker.Close()
	close(w.results)
	settling.Wait()
	stopKeeping()
	upkeep.Wait()
	w.deregister(late)
}

// leave says goodbye and hands the bell over to whoever sleeps.
func (w *Worker) deregister(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	if err := w.Store.Deregister(ctx, w.id); err != nil {
		w.log.WarnContext(ctx, "mail: the worker's row stays for a minute", "err", err)
	}
	if w.suppressedAt.IsZero() {
		return
	}
	if _, _, err := w.Store.AllowNotify(ctx); err != nil {
		w.log.WarnContext(ctx, "mail: the bell stays silent for a moment", "err", err)
	}
}
