package apilog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/groupcommit"
	"sespan/internal/problem"
)

const (
	maxBatch          = 256
	maxWaiting        = 4096 // entries; a row has 2 KB on average, 50 KB at most
	flushers          = 2    // connections that the store needs
	maxAnswerDelay    = 250 * time.Millisecond
	flushTimeout      = 5 * time.Second
	shortFlushTimeout = time.Second // when the flush before failed, or the logger closes
	keepEvery         = 10 * time.Second
)

// Store writes entries in one transaction and skips those it has already. Its
// error for a database that is unavailable or busy is a problem.Unavailable; any other
// error means that a row was refused.
type Store interface {
	Insert(ctx context.Context, entries []Entry) error
}

// Fallback stores an entry that was not committed in time, such as a spool.
type Fallback interface {
	Spool(ctx context.Context, e Entry) error
}

// Options of a Logger. Logger and Registerer are needed.
type Options struct {
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Fallback   Fallback         // nil: such rows may be lost
	Wait       time.Duration    // of an answer for its row [250 ms]
	Clock      func() time.Time // [time.Now]
	Room       Room             // nil: the log is not bounded
	MaxBytes   int64            // of the log, when there is a Room
}

// Logger writes entries by group commit. It is safe for concurrent use.
type Logger struct {
	writer    *writer
	committer *groupcommit.Committer[Entry, error]
	metrics   *metrics
	logger    *slog.Logger
	fallback  Fallback
	wait      time.Duration
	clock     func() time.Time
	warnings  Sampler
	sampling  *sampling
	bound     *bound
	room      Room
	stop      context.CancelFunc // of keep
	stopped   chan struct{}
}

// New starts a logger; Close ends it. The store should have two connections.
func New(store Store, o Options) *Logger {
	if o.Room == nil {
		o.MaxBytes = 0
	}
	l := &Logger{
		logger: o.Logger, fallback: o.Fallback, wait: o.Wait, clock: o.Clock, warnings: Sampler{PerSecond: 1},
		sampling: newSampling(), bound: newBound(o.MaxBytes), room: o.Room, stopped: make(chan struct{}),
	}
	l.metrics = newMetrics(o.Registerer, l.bound)
	if l.wait == 0 {
		l.wait = maxAnswerDelay
	}
	if l.clock == nil {
		l.clock = time.Now
	}
	l.writer = &writer{store: store, metrics: l.metrics, logger: o.Logger}
	l.committer = groupcommit.New(l.writer.flush, flushers, maxBatch, maxWaiting)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.keep(ctx)
	return l
}

// keep writes the rows that stand for others when their minute is over, and keeps
// the log within its bound.
func (l *Logger) keep(ctx context.Context) {
	defer close(l.stopped)
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		if l.room != nil {
			if err := l.bound.look(ctx, l.room); err != nil && ctx.Err() == nil && l.warnings.Allow(l.clock()) {
				l.logger.WarnContext(ctx, "api log: its size could not be looked at, or room be made", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-l.bound.measure:
		case <-ticker.C:
			l.Settle(false) //nolint:contextcheck // a flush has its own time, over the end too
		}
	}
}

// Settle writes the rows that stand for calls which were left out: of the minutes
// that are over, or of all.
func (l *Logger) Settle(all bool) {
	rows := l.sampling.settle(l.clock(), all)
	for batch := range slices.Chunk(rows, maxBatch) {
		results, _ := l.writer.flush(context.Background(), batch) // its errors are those of the rows
		for i, err := range results {
			if err != nil {
				l.sampling.putBack(batch[i])
			}
		}
	}
}

// Admit gives an entry that another transaction stores as it may be stored now; false
// for: not there, give it to Record.
func (l *Logger) Admit(e Entry) (Entry, bool) {
	switch l.bound.level(e.bytes()) {
	case full:
		return e, false
	case tight:
		e = e.bare()
	case open:
	}
	l.bound.add(e.bytes())
	return e, true
}

// admit gives an entry as it is stored; false when another row will stand for it.
func (l *Logger) admit(e Entry) (Entry, bool) {
	rows := MinuteRows
	switch l.bound.level(e.bytes()) {
	case full:
		e, rows = e.bare(), 1
		e.Quota = cmp.Or(e.Quota, everybody)
	case tight:
		e = e.bare()
		if !e.Keep {
			e.Quota = cmp.Or(e.Quota, everybody)
		}
	case open:
	}
	if e.Quota != "" {
		var stored bool
		if e, stored = l.sampling.take(e, rows, l.clock()); !stored {
			l.metrics.count(eventSampled, 1)
			return e, false
		}
	}
	l.bound.add(e.bytes())
	return e, true
}

// Write hands the entry over and returns when it has been committed. Its error is
// that of the database, of ctx (the entry may still be committed later), or
// groupcommit.ErrFull or ErrClosed.
func (l *Logger) Write(ctx context.Context, e Entry) error {
	refusal, err := l.committer.Do(ctx, e)
	if err != nil {
		return err
	}
	return refusal
}

// Record writes the entry and waits until it has been committed, but never longer
// than an answer may: a row that is late or refused is counted, logged (once a
// second) and given to the fallback. It goes on after the end of ctx: a caller that
// hung up has its row too. An entry beyond its quota, or for which the log has no room,
// is left out, and a later row stands for it.
func (l *Logger) Record(ctx context.Context, e Entry) {
	e, stored := l.admit(e)
	if !stored {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.wait)
	defer cancel()
	err := l.Write(ctx, e)
	switch {
	case err == nil:
		return
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		l.metrics.count(eventLate, 1)
	case errors.Is(err, groupcommit.ErrFull), errors.Is(err, groupcommit.ErrClosed):
		l.metrics.count(eventLost, 1)
	}
	spooled := l.spool(ctx, e)
	if l.warnings.Allow(l.clock()) {
		l.logger.WarnContext(ctx, "api log: an answer went out before its row was committed", "spooled", spooled, "error", err)
	}
}

func (l *Logger) spool(ctx context.Context, e Entry) bool {
	if l.fallback == nil {
		return false
	}
	if err := l.fallback.Spool(context.WithoutCancel(ctx), e); err != nil {
		l.metrics.count(eventSpoolFailed, 1)
		return false
	}
	l.metrics.count(eventSpooled, 1)
	return true
}

// Close refuses new entries and returns when those that wait are committed or
// given up, and rows stand for all that was left out.
func (l *Logger) Close() {
	l.writer.closing.Store(true)
	l.stop()
	<-l.stopped
	l.committer.Close()
	l.Settle(true)
}

// writer flushes batches: it retries while the database is unavailable for a short
// time and finds the row that makes a batch fail.
type writer struct {
	store   Store
	metrics *metrics
	logger  *slog.Logger
	failed  atomic.Bool // the last flush found no database: the next one gets less time
	closing atomic.Bool
}

// flush gives one error, or nil, per entry.
func (w *writer) flush(callers context.Context, entries []Entry) ([]error, error) {
	timeout := flushTimeout
	if w.failed.Load() || w.closing.Load() {
		timeout = shortFlushTimeout
	}
	ctx, cancel := context.WithTimeout(callers, timeout)
	defer cancel()
	results := make([]error, len(entries))
	w.failed.Store(w.insert(ctx, entries, results))
	return results, nil
}

// insert writes the entries, or in halves when the database refuses one of them,
// and tells whether the database was unavailable.
func (w *writer) insert(ctx context.Context, entries []Entry, results []error) (unavailable bool) {
	err := w.insertRetrying(ctx, entries)
	switch {
	case err == nil:
		w.metrics.count(eventWritten, len(entries))
		return false
	case transient(err):
		w.metrics.count(eventLost, len(entries))
		for i := range results {
			results[i] = err
		}
		w.logger.ErrorContext(ctx, "api log: rows were lost", "rows", len(entries), "error", err)
		return true
	case len(entries) == 1:
		results[0] = w.insertBare(ctx, entries[0], err)
		return false
	}
	half := len(entries) / 2
	unavailable = w.insert(ctx, entries[:half], results[:half])
	return w.insert(ctx, entries[half:], results[half:]) || unavailable
}

// insertBare stores a refused row without headers and bodies, so that the call is
// logged at all. It gives the reason of the refusal if even that fails.
func (w *writer) insertBare(ctx context.Context, e Entry, reason error) error {
	w.metrics.count(eventRefused, 1)
	w.logger.Error("api log: the database refused a row", "response_id", e.ResponseID.String(), "error", reason)
	e.RequestHeader, e.ResponseHeader = Header{}, Header{}
	e.RequestBody, e.ResponseBody = Body{"[refused by the database]"}, Body{"[refused by the database]"}
	e.StatusDetails = clean(e.StatusDetails)
	if err := w.store.Insert(ctx, []Entry{e}); err != nil {
		return errors.Join(reason, err)
	}
	return nil
}

// insertRetrying repeats an insert while the database is unavailable and ctx lasts.
// That is safe: rows that were committed the first time are skipped by their key. A
// process that ends is not delayed for long.
func (w *writer) insertRetrying(ctx context.Context, entries []Entry) error {
	begun, delay := time.Now(), 5*time.Millisecond
	for {
		err := w.store.Insert(ctx, entries)
		if err == nil || !transient(err) || w.closing.Load() && time.Since(begun) > shortFlushTimeout {
			return err
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		delay = min(2*delay, 500*time.Millisecond)
	}
}

func transient(err error) bool {
	return problem.SlugOf(err) == problem.Unavailable || errors.Is(err, context.DeadlineExceeded)
}

// The closed list of events.
const (
	eventWritten     = "written"      // committed (before or after its answer)
	eventLate        = "late"         // its answer went out before the commit; written or lost follows
	eventLost        = "lost"         // given up, the database was unavailable too long
	eventRefused     = "refused"      // refused by the database; stored without headers and bodies
	eventSampled     = "sampled"      // not stored: beyond its quota, another row stands for it
	eventSpooled     = "spooled"      // given to the fallback
	eventSpoolFailed = "spool_failed" // and refused there
)

type metrics struct{ events *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, b *bound) *metrics {
	m := &metrics{events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_apilog_events_total", Help: "Rows of the API log, by what became of them.",
	}, []string{"event"})}
	reg.MustRegister(m.events,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sespan_apilog_bytes", Help: "What the API log takes on disk, as it was measured last.",
		}, func() float64 { return float64(b.size.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sespan_apilog_max_bytes", Help: "What it may take at most.",
		}, func() float64 { return float64(b.most) }))
	for _, e := range []string{eventWritten, eventLate, eventLost, eventRefused, eventSampled, eventSpooled, eventSpoolFailed} {
		m.events.WithLabelValues(e) // a series that starts at 0 lets rate() see the first event
	}
	return m
}

func (m *metrics) count(event string, n int) { m.events.WithLabelValues(event).Add(float64(n)) }
