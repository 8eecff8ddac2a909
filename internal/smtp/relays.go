package smtp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
)

// MaxRelays bounds the label relay of the metrics.
const MaxRelays = 4

// Relays is a mail.Sender over one relay and its fail-overs. The first one that its
// breaker does not hold back gets the mail; if it turns out that it cannot be
// reached or does not serve, the next one gets it at once. A mail whose answer was
// lost is never given to another relay here: that is the queue's decision.
type Relays struct {
	all     []*relay
	metrics *relayMetrics
	options RelaysOptions
	life    context.Context
	end     context.CancelFunc
	probes  sync.WaitGroup
	mu      sync.Mutex // of ended, and of probing of every relay
	ended   bool
}

// relay is one of them.
type relay struct {
	*Sender
	breaker breaker
	label   string
	probing bool
}

// RelaysOptions are what the relays share.
type RelaysOptions struct {
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	Pause   func(opened int) time.Duration // before a probe; nil: 5 s doubled up to a minute
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
	r := &Relays{options: o}
	r.life, r.end = context.WithCancel(context.Background())
	for i, c := range configs {
		if c.Logger == nil {
			c.Logger = o.Logger
		}
		s, err := New(c)
		if err != nil {
			return nil, errors.Join(err, r.Close(context.Background()))
		}
		r.all = append(r.all, &relay{Sender: s, label: label(i)})
	}
	r.metrics = newRelayMetrics(o.Metrics, r.all)
	return r, nil
}

// Send gives one mail to one relay. The error is a *mail.SendError.
func (r *Relays) Send(ctx context.Context, e mail.Envelope) (receipt mail.Receipt, err error) {
	tried := false
	for _, one := range r.all {
		if !one.breaker.allow() {
			continue
		}
		tried = true
		if receipt, err = r.give(ctx, one, e); !goesOn(ctx, err) {
			return receipt, err
		}
	}
	if tried {
		return receipt, err
	}
	// No relay is well. The worker lets few mails come here; they are the probes.
	for _, one := range r.all {
		if receipt, err = r.give(ctx, one, e); !goesOn(ctx, err) {
			return receipt, err
		}
	}
	return receipt, err
}

func goesOn(ctx context.Context, err error) bool {
	se, ok := errors.AsType[*mail.SendError](err)
	return ok && elsewhere(se) && ctx.Err() == nil
}

// give offers the mail to one relay and notes what that tells about it.
func (r *Relays) give(ctx context.Context, one *relay, e mail.Envelope) (mail.Receipt, error) {
	found := silent // also where Send panics: the trial must not stay taken
	var failure *mail.SendError
	defer func() { r.note(ctx, one, found, failure) }()
	receipt, err := one.Send(ctx, e)
	if err == nil {
		found = well
		r.metrics.tries.WithLabelValues(one.label, resultSent).Inc()
		return receipt, nil
	}
	se, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return receipt, err
	}
	se.Relay, failure = one.Address(), se
	r.metrics.tries.WithLabelValues(one.label, resultOf(se)).Inc()
	if ctx.Err() == nil {
		found = diagnose(se)
	}
	return receipt, err
}

func (r *Relays) note(ctx context.Context, one *relay, h health, failure *mail.SendError) {
	state, changed := one.breaker.report(h)
	if !changed {
		return
	}
	if state == closed {
		r.options.Logger.InfoContext(ctx, "smtp: the relay takes mail again", "relay", one.Address(), "order", one.label)
		return
	}
	r.options.Logger.WarnContext(ctx, "smtp: the relay fails", "relay", one.Address(), "order", one.label,
		"fail_overs", len(r.all)-1, "reason", failure.Reason, "err", failure)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) > 1 && !r.ended && !one.probing { // alone, it is tried by the mails themselves
		one.probing = true
		r.probes.Go(func() { r.probe(one) }) //nolint:contextcheck // it outlives the mail that found the failure
	}
}

// probe asks an open relay now and then, so that no mail has to wait for its answer.
func (r *Relays) probe(one *relay) {
	for r.stillOpen(one) {
		_, opened := one.breaker.look()
		timer := time.NewTimer(r.options.Pause(opened))
		select {
		case <-r.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		ctx, cancel := context.WithTimeout(r.life, one.cfg.Timeouts.Connect+one.cfg.Timeouts.Command)
		err := one.Check(ctx)
		cancel()
		one.breaker.probed(err == nil)
	}
}

func (r *Relays) stillOpen(one *relay) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	state, _ := one.breaker.look()
	one.probing = state == open
	return one.probing
}

// Check is well when one relay at least takes mail.
func (r *Relays) Check(ctx context.Context) error {
	errs := make([]error, len(r.all))
	var wg sync.WaitGroup
	for i, one := range r.all {
		wg.Go(func() { errs[i] = one.Check(ctx) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errors.Join(errs...)
}

// Each gives the relays, the preferred one first, to be checked one by one.
func (r *Relays) Each() []*Sender {
	out := make([]*Sender, len(r.all))
	for i, one := range r.all {
		out[i] = one.Sender
	}
	return out
}

// Connections is how many mails can be under way at once.
func (r *Relays) Connections() int {
	most := 0
	for _, one := range r.all {
		most = max(most, one.cfg.Connections)
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
	for i, one := range r.all {
		wg.Go(func() { errs[i] = one.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

var _ mail.Sender = (*Relays)(nil)
