package mail

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// limitMetrics count what is held back; no domain is a label.
type limitMetrics struct {
	held   *prometheus.CounterVec
	shut   *prometheus.CounterVec
	slowed prometheus.GaugeFunc
	relay  prometheus.GaugeFunc
}

func newLimitMetrics(reg prometheus.Registerer, l *limiter) *limitMetrics {
	m := &limitMetrics{
		held: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_held_total",
			Help: "Mails put off, by reason (limited: a configured rate, breaker: a rate that was taught) and by whose it is.",
		}, []string{"reason", "by"}),
		shut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_throttled_total", Help: "Times that a domain, or the relay for all of them, was given a pause because it refuses mails for the time being.",
		}, []string{"by"}),
		slowed: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sespan_mail_slowed_domains", Help: "Domains that are sent less at the moment because they throttle.",
		}, func() float64 { domains, _ := l.slow(); return float64(domains) }),
		relay: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sespan_mail_taught_rate", Help: "Mails a second to all domains that the relay has taught; 0 for no such limit.",
		}, func() float64 { _, rate := l.slow(); return rate }),
	}
	for _, by := range []string{"domain", "all"} {
		m.held.WithLabelValues(reasonLimited, by)
		m.held.WithLabelValues(reasonBreaker, by)
		m.shut.WithLabelValues(by)
	}
	reg.MustRegister(m.held, m.shut, m.slowed, m.relay)
	return m
}

// slow gives the domains that are slowed down, and the relay's rate, 0 for none.
func (l *limiter) slow() (domains int, rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, f := range l.domains {
		if f.taught.active(now) {
			domains++
		}
	}
	if l.all.taught.active(now) {
		rate = l.all.taught.rate
	}
	return domains, rate
}

// lesson is what a result changed: the domain or, with an empty name, all.
type lesson struct {
	domain string
	shut   time.Duration // 0: free again
}

// learn takes in how a mail to the domain went. Throttling by one domain after the
// other, with no success between, is the relay's own: then all are slowed down.
func (l *limiter) learn(domain string, err *SendError) []lesson {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	one := l.domains[domain]
	if err == nil || err.Verdict == Dead && err.Code >= 500 {
		return l.learnWell(now, domain, one, err == nil)
	}
	weight := throttling(err)
	if weight == 0 {
		return nil
	}
	var out []lesson
	if err.Reason == "mail_from" { // the relay does not know the recipient yet: it speaks of us
		if l.all.taught.strike(now, weight, err.After, l.jitter()) {
			out = append(out, lesson{"", l.all.taught.shut.Sub(now)})
		}
		return out
	}
	if one == nil {
		one = l.add(domain, l.rate(domain), now)
	}
	if one.taught.strike(now, weight, err.After, l.jitter()) {
		out = append(out, lesson{domain, one.taught.shut.Sub(now)})
	}
	if weight == 2 && domain != l.lastSlow {
		l.lastSlow = domain
		if l.all.taught.strike(now, weight, 0, l.jitter()) {
			out = append(out, lesson{"", l.all.taught.shut.Sub(now)})
		}
	}
	return out
}

func (l *limiter) learnWell(now time.Time, domain string, one *flow, sent bool) (out []lesson) {
	if one != nil && one.taught.well(now) {
		out = append(out, lesson{domain: domain})
	}
	if sent && l.all.taught.well(now) {
		out = append(out, lesson{})
	}
	return out
}

// learn tells the limiter how a mail went, and the log what follows.
func (w *Worker) learn(ctx context.Context, c *Claimed, err error) {
	se, failed := errors.AsType[*SendError](err)
	if err != nil && !failed {
		return
	}
	for _, lesson := range w.limits.learn(domainOf(c.Recipient), se) {
		who, by := "domain "+lesson.domain, "domain"
		if lesson.domain == "" {
			who, by = "relay, for all domains", "all"
		}
		if lesson.shut == 0 {
			w.log.InfoContext(ctx, "mail: full speed again", "to", who)
			continue
		}
		w.limitMetrics.shut.WithLabelValues(by).Inc()
		w.log.WarnContext(ctx, "mail: throttled, sending less for a while", "to", who, "pause", lesson.shut.Round(time.Second),
			"code", se.Code, "enhanced", se.Enhanced, "reply", clean(se.Reply))
	}
}

// holdBack asks the limits: a mail that must wait for long goes back to the queue,
// with a result; for a short time it waits in place.
func (w *Worker) holdBack(c *Claimed) (wait time.Duration, r *Result) {
	if c.ExpiresIn != Forever && w.age(c) >= c.ExpiresIn || c.Suppressed != "" || c.Stored == nil || c.Lapses >= maxLapses {
		return 0, nil // it ends without being sent: see prepare and mayBegin
	}
	p := w.limits.ask(domainOf(c.Recipient), min(max(c.Priority, 0), Lanes-1), c.Fresh)
	if !p.hold {
		return p.wait, nil
	}
	w.limitMetrics.held.WithLabelValues(p.reason, p.by).Inc()
	if c.ExpiresIn != Forever {
		p.wait = min(p.wait, c.ExpiresIn-w.age(c))
	}
	return 0, &Result{Lease: c.Lease, State: StateRetry, Delay: p.wait, Reason: p.reason}
}

// heldBack reports whether a result is no try but a mail that must wait its turn.
func (r *Result) heldBack() bool {
	return r.State == StateRetry && (r.Reason == reasonLimited || r.Reason == reasonBreaker)
}
