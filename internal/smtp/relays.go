package smtp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/mail"
)

// MaxRelays bounds the label relay of the metrics.
const MaxRelays = 4

// Relays is a mail.Sender over one relay and its fail-overs. The first one whose
// breaker lets it gets the mail; if it turns out that it cannot be reached or does
// not serve, the next one gets it at once. A mail whose answer was
// lost is never given to another relay here: that is the queue's decision.
type Relays struct {
	all     []*guardedRelay
	metrics *relayMetrics
	options RelaysOptions
	life    context.Context
	end     context.CancelFunc
	probes  sync.WaitGroup
	mu      sync.Mutex // guards what follows, and probing of every relay
	ended   bool
	changed chan struct{} // closed when a breaker lets mails go, or does so no more
}

// guardedRelay is one of them with its circuit breaker.
type guardedRelay struct {
	*Relay
	breaker circuitBreaker
	label   string
	probing bool
}

// RelaysOptions are what the relays share.
type RelaysOptions struct {
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	Tracer  trace.Tracer                   // nil: no spans
	Pause   func(opened int) time.Duration // from one probe to the next; nil: 5 s doubled up to 20 s
}

// NewRelays makes the relays, the preferred one first, and connects nowhere yet. It
// is to be closed.
func NewRelays(configs []Config, o RelaysOptions) (*Relays, error) {
	if len(configs) == 0 || len(configs) > MaxRelays {
		return nil, fmt.Errorf("smtp: 1 to %d relays are possible", MaxRelays)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.Pause == nil {
		o.Pause = probePause
	}
	r := &Relays{options: o, changed: make(chan struct{})}
	r.life, r.end = context.WithCancel(context.Background())
	for i, c := range configs {
		if c.Logger == nil {
			c.Logger = o.Logger
		}
		s, err := NewRelay(c)
		if err != nil {
			return nil, errors.Join(err, r.Close(context.Background()))
		}
		r.all = append(r.all, &guardedRelay{Relay: s, label: label(i)})
	}
	r.metrics = newRelayMetrics(o.Metrics, r.all)
	return r, nil
}

// Ready waits until a relay may be given a mail. An error means that ctx ended first.
func (r *Relays) Ready(ctx context.Context) error {
	for {
		changed := r.changes()
		if slices.ContainsFunc(r.all, func(relay *guardedRelay) bool { return relay.breaker.ready() }) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Send gives one mail to one relay. The error is a *mail.SendError. While another
// mail is the trial of the only relay that might serve, this one waits for its outcome.
func (r *Relays) Send(ctx context.Context, e mail.Envelope) (mail.Receipt, error) {
	for {
		changed := r.changes()
		receipt, tried, err := r.tryAll(ctx, e)
		if tried {
			return receipt, err
		}
		if !slices.ContainsFunc(r.all, func(relay *guardedRelay) bool { return !relay.breaker.isOpen() }) {
			return receipt, &mail.SendError{Verdict: mail.Retry, Reason: "connect", Unreached: true, Err: errNoRelay}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return receipt, acquireError(ctx, context.Cause(ctx))
		}
	}
}

var errNoRelay = errors.New("no relay is in service")

// tryAll offers the mail to the relays whose breakers let it, until one has answered.
func (r *Relays) tryAll(ctx context.Context, e mail.Envelope) (receipt mail.Receipt, tried bool, err error) {
	for _, relay := range r.all {
		if !relay.breaker.allow() {
			continue
		}
		tried = true
		receipt, err = r.tryRelay(ctx, relay, e)
		if se, ok := errors.AsType[*mail.SendError](err); !ok || !canFailOver(se) || ctx.Err() != nil {
			break
		}
	}
	return receipt, tried, err
}

// tryRelay offers the mail to one relay and reports the outcome to its breaker.
func (r *Relays) tryRelay(ctx context.Context, relay *guardedRelay, e mail.Envelope) (receipt mail.Receipt, err error) {
	found := unknown // also where Send panics: the trial must not stay taken
	var failure *mail.SendError
	defer func() { r.report(ctx, relay, found, failure) }()
	ctx, span := r.startSpan(ctx, relay, &e)
	defer func() { span.end(err == nil && found == healthy, failure) }()
	receipt, err = relay.Send(ctx, e)
	if err == nil {
		found = healthy
		r.metrics.tries.WithLabelValues(relay.label, resultSent).Inc()
		return receipt, nil
	}
	se, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return receipt, err
	}
	se.Relay, failure = relay.Address(), se
	r.metrics.tries.WithLabelValues(relay.label, resultOf(se)).Inc()
	if ctx.Err() == nil {
		found = healthOf(se)
	}
	return receipt, err
}

// report tells the breaker the outcome of a mail; if it opens, probing begins.
func (r *Relays) report(ctx context.Context, relay *guardedRelay, h health, failure *mail.SendError) {
	was, now := relay.breaker.report(h)
	if was == closed && now == closed {
		return
	}
	defer r.signal()
	switch {
	case was == now:
	case now == closed:
		r.options.Logger.InfoContext(ctx, "smtp: the relay takes mail again", "relay", relay.Address(), "order", relay.label)
	default:
		r.options.Logger.WarnContext(ctx, "smtp: the relay fails", "relay", relay.Address(), "order", relay.label,
			"fail_overs", len(r.all)-1, "reason", failure.Reason, "err", failure)
		relay.pool.reject()
		r.startProbe(relay) //nolint:contextcheck // it outlives the mail that found the failure
	}
}

// Check succeeds when at least one relay takes mail.
func (r *Relays) Check(ctx context.Context) error {
	errs := make([]error, len(r.all))
	var wg sync.WaitGroup
	for i, relay := range r.all {
		wg.Go(func() { errs[i] = relay.Check(ctx) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errors.Join(errs...)
}

// All gives the relays, the preferred one first, to be checked one by one.
func (r *Relays) All() []*Relay {
	out := make([]*Relay, len(r.all))
	for i, relay := range r.all {
		out[i] = relay.Relay
	}
	return out
}

// Concurrency is how many mails to give to Send at once: as many again as there are
// connections, so that one that becomes free has its next mail already, and that
// mail's envelope may have travelled with the message before it.
func (r *Relays) Concurrency() int { return 2 * r.Connections() }

// Connections is how many mails can be under way at once.
func (r *Relays) Connections() int {
	most := 0
	for _, relay := range r.all {
		most = max(most, relay.cfg.Connections)
	}
	return most
}

// Close takes no more mails and waits for those under way until ctx ends, then cuts
// them off.
func (r *Relays) Close(ctx context.Context) error {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.end()
	r.probes.Wait()
	errs := make([]error, len(r.all))
	var wg sync.WaitGroup
	for i, relay := range r.all {
		wg.Go(func() { errs[i] = relay.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

var _ mail.Sender = (*Relays)(nil)
