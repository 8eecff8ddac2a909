package apilog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/groupcommit"
)

const (
	maxBatch          = 256
	maxWaiting        = 4096 // entries; a row has 2 KB on average, 50 KB at most
	flushers          = 2    // connections that the store needs
	maxAnswerDelay    = 250 * time.Millisecond
	flushTimeout      = 5 * time.Second
	shortFlushTimeout = time.Second // when the flush before failed, or the logger closes
)

// Store writes entries in one transaction and skips those it has already. Its
// error for a database that is unavailable or busy is a problem.Unavailable; any other
// error means that a row was refused.
type Store interface {
	Insert(ctx context.Context, entries []Entry) (added int64, err error)
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
}

// New starts a logger; Close ends it. The store should have two connections.
func New(store Store, o Options) *Logger {
	l := &Logger{
		metrics: newMetrics(o.Registerer), logger: o.Logger, fallback: o.Fallback, wait: o.Wait, clock: o.Clock,
		warnings: Sampler{PerSecond: 1},
	}
	if l.wait == 0 {
		l.wait = maxAnswerDelay
	}
	if l.clock == nil {
		l.clock = time.Now
	}
	l.writer = &writer{store: store, metrics: l.metrics, logger: o.Logger}
	l.committer = groupcommit.New(l.writer.flush, flushers, maxBatch, maxWaiting)
	return l
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
// hung up has its row too.
func (l *Logger) Record(ctx context.Context, e Entry) {
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
		l.logger.WarnContext(ctx, "api log: an answer went out before its row was committed",
			"response_id", e.ResponseID.String(), "spooled", spooled, "error", err)
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

// Skip counts an entry that a Sampler left out.
func (l *Logger) Skip() { l.metrics.count(eventSampled, 1) }

// Close refuses new entries and returns when those that wait are committed or
// given up.
func (l *Logger) Close() {
	l.writer.closing.Store(true)
	l.committer.Close()
}
