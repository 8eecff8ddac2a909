package mail

import (
	"cmp"
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
	Unseal  Unsealer                             // nil: sealed mails are dead
	From    string                               // the service's own From mailbox (SESPAN_MAIL_FROM)
	Sign    func(message []byte) ([]byte, error) // DKIM; nil: not signed
	Limits  ratelimit.Limits                     // mails a second
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	Reasons []string // the closed list of the Sender's failures, which are counted from 0 on

	Notifications <-chan struct{} // from the listener; nil: poll only
	Listening     func() bool     // whether notifications reach the listener; nil: no

	Dispatch     string         // who says which rows are next, for its row in mail_worker: postgres, amqp, kafka ["postgres"]
	Broker       Broker         // names the rows that are next; nil: the queue is asked
	Announced    AnnouncedQueue // with a broker
	Fallback     bool           // the queue is asked, too, while the broker does not bring what is ready
	LanePrefetch int            // most deliveries of each lane that are not acknowledged, see laneRoom [two claims, at least 32 for each sender, at most 1000]

	Connections       int           // to the relay [4]
	Senders           int           // mails that are given to Sender at once [Connections]
	Batch             int           // most rows of one claim [250]; more would delay the urgent mails behind it
	Bytes             int64         // most content of one claim [16 MiB]
	Lease             time.Duration // life of a lease that is not renewed [30 s]
	Poll              time.Duration // longest sleep while notifications work [5 s]
	PollWithoutNotify time.Duration // and while they do not [500 ms]
	SweepInterval     time.Duration // least pause between two sweeps, see scanCursor [100 ms]
	DepthInterval     time.Duration // between two looks at the queue's depth [15 s]
	Linger            time.Duration // a result waits this long for company while others are under way [20 ms]
	Drain             time.Duration // for mails on their way when Run ends [20 s]

	Now    func() time.Time // [time.Now]
	Jitter func() float64   // in [0, 1) [math/rand/v2]
	Token  func() int64     // of a claim, must not repeat [math/rand/v2]
}

// setDefaults replaces zero values.
func (c *WorkerConfig) setDefaults() {
	c.Connections = cmp.Or(c.Connections, 4)
	c.Senders = cmp.Or(c.Senders, c.Connections)
	c.Batch = cmp.Or(c.Batch, 250)
	c.LanePrefetch = cmp.Or(c.LanePrefetch, min(max(2*c.Batch, 32*c.Senders), 1000))
	c.Bytes = cmp.Or(c.Bytes, 16<<20)
	c.Lease = cmp.Or(c.Lease, 30*time.Second)
	c.Poll = cmp.Or(c.Poll, 5*time.Second)
	c.PollWithoutNotify = cmp.Or(c.PollWithoutNotify, 500*time.Millisecond)
	c.SweepInterval = cmp.Or(c.SweepInterval, 100*time.Millisecond)
	c.DepthInterval = cmp.Or(c.DepthInterval, 15*time.Second)
	c.Linger = cmp.Or(c.Linger, 20*time.Millisecond)
	c.Drain = cmp.Or(c.Drain, 20*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Token == nil {
		c.Token = rand.Int64
	}
	if c.Listening == nil {
		c.Listening = func() bool { return false }
	}
}

// maxLapses is how many workers may vanish over a mail before it counts as the cause.
const maxLapses = 5

// Worker drains the queue. See doc.go for the states and the doorbell.
type Worker struct {
	WorkerConfig
	id      int64 // of its row in mail_worker
	log     *slog.Logger
	metrics *metrics

	// Claiming.
	dispatcher Dispatcher
	prefetch   prefetch
	nextDue    nextDue
	triggerOff atomic.Bool // the insert trigger is gone or disabled: nobody notifies
	jobs       *jobQueue

	// Sending.
	backpressure *backpressure
	limits       *ratelimit.Limiter
	limitMetrics *limitMetrics
	marker       *groupcommit.Committer[Lease, bool] // of the beginning of a sending

	// Settling.
	results chan Result
	leases  *leaseTable
}

// NewWorker checks the configuration and registers the metrics.
func NewWorker(c WorkerConfig) (*Worker, error) {
	if c.Store == nil || c.Sender == nil || c.Logger == nil || c.Metrics == nil {
		return nil, errors.New("mail: Store, Sender, Logger and Metrics are required")
	}
	if (c.Broker == nil) != (c.Announced == nil) {
		return nil, errors.New("mail: Broker and Announced belong together")
	}
	if a, err := mail.ParseAddress(c.From); err != nil || strings.ContainsRune(a.Name, '<') {
		return nil, errors.New("mail: From must be of the form Shop <no-reply@shop.example>")
	}
	c.setDefaults()
	limits := ratelimit.New(c.Limits, c.Now, c.Jitter)
	w := &Worker{
		WorkerConfig: c,
		id:           rand.Int64(), //nolint:gosec // as the tokens
		log:          c.Logger.With("component", "mail"),
		metrics:      newMetrics(c.Metrics, c.Reasons),
		backpressure: newBackpressure(),
		limits:       limits,
		limitMetrics: newLimitMetrics(c.Metrics, limits),
		leases:       newLeaseTable(c.Now),
		jobs:         newJobQueue(),
		results:      make(chan Result, settleBatch),
		prefetch:     prefetch{now: c.Now},
		nextDue:      nextDue{sooner: make(chan struct{}, 1)},
	}
	w.dispatcher = newDispatcher(w)
	return w, nil
}

// Run works until ctx ends. Then it claims no more, finishes the mails that are
// on their way (for at most Drain), gives back what it has not begun, writes the
// last results and returns.
func (w *Worker) Run(ctx context.Context) {
	// What is under way is sent and written after ctx has ended.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	sending, stopSending := context.WithCancel(writing)
	defer stopSending()
	keeping, stopKeeping := context.WithCancel(writing)
	defer stopKeeping()
	w.marker = groupcommit.New(w.markSending(writing), 1, w.Senders, 2*w.Senders)

	var senders, settling sync.WaitGroup
	for range w.Senders {
		senders.Go(func() { w.senderLoop(ctx, sending) })
	}
	settling.Go(func() { w.settleLoop(writing) })
	maintenance := w.maintain(ctx, keeping)

	w.dispatcher.Dispatch(ctx)
	settling.Go(func() { w.leave(writing) })
	for _, job := range w.jobs.close() { // the senders may be busy for long
		w.results <- Result{Lease: job.Lease, State: released}
	}
	defer time.AfterFunc(w.Drain, stopSending).Stop()
	defer time.AfterFunc(w.Drain+storeTimeout, stopWriting).Stop()
	senders.Wait()
	w.marker.Close()
	close(w.results)
	settling.Wait()
	stopKeeping()
	maintenance.Wait()
	w.deregister(writing)
}

// deregister deletes the worker's row.
func (w *Worker) deregister(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := w.Store.Deregister(ctx, w.id); err != nil {
		w.log.WarnContext(ctx, "mail: the worker's row stays for a minute", "err", err)
	}
}

// leave tells the others that this worker claims no more.
func (w *Worker) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := w.dispatcher.Leave(ctx); err != nil {
		w.log.WarnContext(ctx, "mail: the others learn a moment later that this worker ends", "err", err)
	}
}
