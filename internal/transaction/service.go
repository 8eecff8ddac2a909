package transaction

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/apilog"
	"sespan/internal/groupcommit"
	"sespan/internal/problem"
)

// Config of a Service; zero numbers mean the defaults in brackets.
type Config struct {
	Store      DrawStore
	Epochs     *Epochs
	Registerer prometheus.Registerer
	Minor      Minor
	Flushers   int           // [1] flushes at once, each with a connection of the Store's pool; more make smaller batches
	MaxBatch   int           // [128] orders in one flush
	MaxWait    int           // [4096] orders that may wait; more are refused with Retry-After
	Timeout    time.Duration // [5 s] of one attempt of a flush
}

// Service draws orders in groups; see the package's doc.
type Service struct {
	store     DrawStore
	epochs    *Epochs
	metrics   *metrics
	minor     Minor
	timeout   time.Duration
	committer *groupcommit.Committer[request, outcome]
}

// request is one call in a batch; log may be nil.
type request struct {
	order Order
	log   func(Result) (apilog.Entry, bool)
}

type outcome struct {
	result Result
	err    error
}

// NewService starts the flushers; Close ends them.
func NewService(c Config) *Service {
	s := &Service{
		store: c.Store, epochs: c.Epochs, metrics: newMetrics(c.Registerer), minor: c.Minor,
		timeout: cmp.Or(c.Timeout, 5*time.Second),
	}
	s.committer = groupcommit.New(s.flush, cmp.Or(c.Flushers, 1), cmp.Or(c.MaxBatch, 128), cmp.Or(c.MaxWait, 4096))
	return s
}

// Close refuses new draws and returns when the waiting ones are committed.
func (s *Service) Close() { s.committer.Close() }

// Draw draws the order, or gives the result of an earlier draw. log, which may
// be nil, renders the API log row of a draw's answer; it is called inside the flush
// and the row is committed together with the draw, unless it says false. The row of a
// replay is the caller's. A caller whose context ends gets its error, yet the draw is made.
//
// Errors: problem.Invalid (Field is the property), problem.UnknownCustomer,
// problem.OrderConflict, problem.Unavailable; their log rows are the caller's.
func (s *Service) Draw(ctx context.Context, o Order, log func(Result) (apilog.Entry, bool)) (Result, error) {
	if err := o.Validate(s.minor); err != nil {
		return Result{}, err
	}
	out, err := s.committer.Do(ctx, request{o, log})
	switch {
	case errors.Is(err, groupcommit.ErrFull), errors.Is(err, groupcommit.ErrClosed):
		return Result{}, problem.New(problem.Unavailable, "Too many draws are waiting.").WithRetryAfter(time.Second).WithCause(err)
	case err != nil:
		return Result{}, err
	}
	return out.result, out.err
}

type metrics struct{ transactions *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_transactions_total", Help: "Orders drawn for the first time, by tier (none: no tier matched).",
	}, []string{"tier", "discounted"})}
	reg.MustRegister(m.transactions)
	m.transactions.WithLabelValues("none", "false")
	return m
}

func (m *metrics) count(r Result) {
	tier := "none"
	if r.TierID != nil {
		tier = strconv.FormatInt(*r.TierID, 10)
	}
	m.transactions.WithLabelValues(tier, strconv.FormatBool(r.Discounted)).Inc()
}
