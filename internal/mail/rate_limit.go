package mail

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/address"
	"sespan/internal/mail/ratelimit"
)

// limitMetrics count what the rate limits do; no domain is a label.
type limitMetrics struct {
	postponed *prometheus.CounterVec
	throttled *prometheus.CounterVec
	slowed    prometheus.GaugeFunc
	adaptive  prometheus.GaugeFunc
}

func newLimitMetrics(reg prometheus.Registerer, l *ratelimit.Limiter) *limitMetrics {
	m := &limitMetrics{
		postponed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_postponed_total",
			Help: "Mails put back until their slot in a rate limit, by reason (limited: a configured rate, breaker: an adaptive one) and by whose it is.",
		}, []string{"reason", "by"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_throttled_total", Help: "Times that a domain, or the relay for all of them, was given a pause because it refuses mails for the time being.",
		}, []string{"by"}),
		slowed: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sespan_mail_slowed_domains", Help: "Domains that are sent less at the moment because they throttle.",
		}, func() float64 { domains, _ := l.Slowed(); return float64(domains) }),
		adaptive: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sespan_mail_adaptive_rate", Help: "Mails a second to all domains while the relay throttles; 0 for no such limit.",
		}, func() float64 { _, rate := l.Slowed(); return rate }),
	}
	for _, by := range []ratelimit.Scope{ratelimit.ScopeDomain, ratelimit.ScopeAll} {
		m.postponed.WithLabelValues(string(ratelimit.Configured), string(by))
		m.postponed.WithLabelValues(string(ratelimit.Adaptive), string(by))
		m.throttled.WithLabelValues(string(by))
	}
	reg.MustRegister(m.postponed, m.throttled, m.slowed, m.adaptive)
	return m
}

// admit asks the rate limits: a mail that must wait for long goes back to the
// queue, with a result; for a short time it waits in place.
func (w *Worker) admit(c *Claimed) (wait time.Duration, r *Result) {
	if c.ExpiresIn != Forever && w.age(c) >= c.ExpiresIn || c.Suppressed != "" || c.Stored == nil || c.Lapses >= maxLapses {
		return 0, nil // it ends without being sent: see compose and mayStart
	}
	d := w.limits.Admit(domainOf(c.Recipient), min(max(c.Priority, 0), ratelimit.Priorities-1), c.Fresh)
	if !d.Postpone {
		return d.Wait, nil
	}
	w.limitMetrics.postponed.WithLabelValues(string(d.Reason), string(d.Scope)).Inc()
	if c.ExpiresIn != Forever {
		d.Wait = min(d.Wait, c.ExpiresIn-w.age(c))
	}
	return 0, &Result{Lease: c.Lease, State: StateRetry, Delay: d.Wait, Reason: string(d.Reason)}
}

// postponed reports whether a result is no try but a mail that waits for its slot.
func (r *Result) postponed() bool {
	return r.State == StateRetry && (r.Reason == string(ratelimit.Configured) || r.Reason == string(ratelimit.Adaptive))
}

// observe tells the rate limits how a mail went, nil for accepted, and the log what follows.
func (w *Worker) observe(ctx context.Context, c *Claimed, err *SendError) {
	reply, says := replyOf(err)
	if !says {
		return
	}
	for _, change := range w.limits.Observe(domainOf(c.Recipient), reply) {
		to := "domain " + change.Domain
		if change.Scope == ratelimit.ScopeAll {
			to = "relay, for all domains"
		}
		if change.Pause == 0 {
			w.log.InfoContext(ctx, "mail: full speed again", "to", to)
			continue
		}
		w.limitMetrics.throttled.WithLabelValues(string(change.Scope)).Inc()
		w.log.WarnContext(ctx, "mail: throttled, sending less for a while", "to", to, "pause", change.Pause.Round(time.Second),
			"code", reply.Code, "enhanced", reply.Enhanced, "reply", clean(reply.Text))
	}
}

// replyOf gives the server's answer; false where it says nothing about rates: no
// answer, or one that does not fit what follows from it.
func replyOf(err *SendError) (r ratelimit.Reply, says bool) {
	if err == nil {
		return ratelimit.Reply{Code: 250}, true
	}
	r = ratelimit.Reply{Command: err.Reason, Code: err.Code, Enhanced: err.Enhanced, Text: err.Reply, RetryAfter: err.After}
	return r, err.Verdict == Dead && r.Code >= 500 || err.Verdict == Retry && r.Code >= 400 && r.Code < 500
}

// domainOf is the domain as A-labels; of what is no address, which the composer refuses, what it has.
func domainOf(recipient string) string {
	given := recipient[strings.LastIndexByte(recipient, '@')+1:]
	domain, err := address.Domain(given)
	if err != nil {
		return given
	}
	return domain
}
