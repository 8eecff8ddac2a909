package ratelimit

import (
	"container/heap"
	"fmt"
	"testing"
	"time"
)

// queueModel models the queue and its workers on a clock of its own: fresh mails by
// priority, postponed ones when they are due, each seen a little late.
type queueModel struct {
	t       *testing.T
	l       *Limiter
	now     time.Time
	lag     time.Duration
	fresh   [Priorities][]*modelMail
	due     dueHeap
	sent    []*modelMail
	moves   int
	respond func(m *modelMail) *Reply // nil: accepted
}

type modelMail struct {
	domain   string
	priority int
	moves    int
	due, out time.Time
}

type dueHeap []*modelMail

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(*modelMail)) }
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	*h = (*h)[:last]
	return m
}

func newQueueModel(t *testing.T, l Limits) *queueModel {
	t.Helper()
	q := &queueModel{t: t, now: time.Unix(1_700_000_000, 0), lag: 20 * time.Millisecond, respond: func(*modelMail) *Reply { return nil }}
	q.l = New(l, func() time.Time { return q.now }, func() float64 { return 0.5 })
	return q
}

func (q *queueModel) put(n int, domain string, priority int) {
	for range n {
		q.fresh[priority] = append(q.fresh[priority], &modelMail{domain: domain, priority: priority})
	}
}

// run goes on for so long, or until nothing is left.
func (q *queueModel) run(long time.Duration) {
	end := q.now.Add(long)
	for q.now.Before(end) {
		m, fresh := q.next()
		if m == nil {
			if len(q.due) == 0 {
				return
			}
			q.now = q.due[0].due.Add(q.lag)
			continue
		}
		q.now = q.now.Add(100 * time.Microsecond) // a mail's work
		p := q.l.Admit(m.domain, m.priority, fresh)
		if p.Postpone {
			m.moves++
			q.moves++
			m.due = q.now.Add(p.Wait)
			heap.Push(&q.due, m)
			continue
		}
		q.now = q.now.Add(p.Wait)
		if e := q.respond(m); e != nil {
			q.l.Observe(m.domain, *e)
			m.due = q.now.Add(5 * time.Second)
			heap.Push(&q.due, m)
			continue
		}
		q.l.Observe(m.domain, Reply{Code: 250})
		m.out = q.now
		q.sent = append(q.sent, m)
	}
}

func (q *queueModel) next() (m *modelMail, fresh bool) {
	if len(q.due) > 0 && !q.due[0].due.Add(q.lag).After(q.now) {
		return heap.Pop(&q.due).(*modelMail), false
	}
	for p := range q.fresh {
		if len(q.fresh[p]) > 0 {
			m, q.fresh[p] = q.fresh[p][0], q.fresh[p][1:]
			return m, true
		}
	}
	return nil, false
}

// most is the largest number of mails to a domain within any such span.
func (q *queueModel) most(domain string, span time.Duration) int {
	var times []time.Time
	for _, m := range q.sent {
		if domain == "" || m.domain == domain {
			times = append(times, m.out)
		}
	}
	most, from := 0, 0
	for i := range times {
		for times[i].Sub(times[from]) >= span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// TestSlowDomainIsMovedOnce: a hundred thousand mails to one slow domain, and
// neighbours behind them.
func TestSlowDomainIsMovedOnce(t *testing.T) {
	t.Parallel()
	const mails, rate = 100_000, 50
	q := newQueueModel(t, Limits{Domains: map[string]float64{"slow.example": rate}})
	begin := q.now
	q.put(mails, "slow.example", 5)
	q.put(100, "other.example", 5)
	q.run(time.Minute)
	for _, m := range q.sent {
		if m.domain == "other.example" && (m.moves > 0 || m.out.Sub(begin) > 15*time.Second) { // 100,000 looks of 0.1 ms
			t.Fatalf("a neighbour was moved %d times and sent after %v", m.moves, m.out.Sub(begin))
		}
	}
	q.run(time.Hour)
	if len(q.sent) != mails+100 {
		t.Fatalf("%d of %d are sent", len(q.sent), mails+100)
	}
	if q.moves > mails*101/100 {
		t.Errorf("%d moves for %d mails", q.moves, mails)
	}
	if n := q.most("slow.example", time.Second); n > 2*rate {
		t.Errorf("%d in one second", n)
	}
	if n := q.most("slow.example", time.Minute); n > 61*rate {
		t.Errorf("%d in one minute", n)
	}
	if took := q.now.Sub(begin); took > mails/rate*time.Second*102/100 {
		t.Errorf("took %v, %v would be full use", took, mails/rate*time.Second)
	}
}

// TestUrgentMailsOvertake a newsletter that waits for hours.
func TestUrgentMailsOvertake(t *testing.T) {
	t.Parallel()
	for _, limits := range []Limits{{DomainRate: 2}, {Rate: 2}} {
		t.Run(fmt.Sprint(limits), func(t *testing.T) {
			t.Parallel()
			q := newQueueModel(t, limits)
			q.put(20_000, "big.example", 9)
			q.run(10 * time.Minute)
			for range 100 { // codes and orders come by, one of each in four seconds
				was := len(q.sent)
				begin := q.now
				q.put(1, "big.example", 0)
				q.put(1, "big.example", 5)
				q.run(4 * time.Second)
				for _, m := range q.sent[was:] {
					if wait := m.out.Sub(begin); m.priority == 0 && wait > time.Second || m.priority == 5 && wait > 3*time.Second {
						t.Fatalf("priority %d waited %v", m.priority, wait)
					}
				}
			}
			urgent := 0
			for _, m := range q.sent {
				if m.priority < 9 {
					urgent++
				}
			}
			if urgent < 198 {
				t.Errorf("%d of 200 urgent mails are out", urgent)
			}
			if n := q.most("", time.Minute); n > 130 {
				t.Errorf("%d in a minute at 2/s", n)
			}
		})
	}
}

// TestRateAfterARestart: mails that hold slots of a process that is gone come back
// beside those of the next one; the rate is kept and nothing turns in circles.
func TestRateAfterARestart(t *testing.T) {
	t.Parallel()
	const mails, rate = 20_000, 20
	q := newQueueModel(t, Limits{DomainRate: rate})
	q.put(mails, "a.example", 5)
	q.run(time.Minute)
	q.l = New(q.l.limits, q.l.now, q.l.jitter)
	q.put(mails, "a.example", 5)
	q.now = q.now.Add(time.Minute) // it was away, a minute of slots has passed
	q.run(time.Hour)
	if n := q.most("a.example", time.Minute); n > 62*rate {
		t.Errorf("%d in one minute", n)
	}
	if len(q.sent) != 2*mails {
		t.Errorf("%d of %d are sent", len(q.sent), 2*mails)
	}
	if q.moves > 4*2*mails {
		t.Errorf("%d moves for %d mails", q.moves, 2*mails)
	}
}

// TestSlotsNobodyComesFor: the mails that hold them were cancelled.
func TestSlotsNobodyComesFor(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{DomainRate: 1})
	q.put(5000, "a.example", 5)
	q.run(30 * time.Second)
	q.due = nil
	q.now = q.now.Add(20 * time.Second)
	begin := q.now
	q.put(1, "a.example", 5)
	q.run(time.Minute)
	if last := q.sent[len(q.sent)-1]; last.moves > 0 || last.out.Sub(begin) > time.Second {
		t.Errorf("moved %d times, sent after %v", last.moves, last.out.Sub(begin))
	}
}

// TestRateOfAllIsWaitedForInPlace: a quick rate moves no mail at all.
func TestRateOfAllIsWaitedForInPlace(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{Rate: 100})
	begin := q.now
	q.put(5000, "a.example", 5)
	q.run(time.Hour)
	if took := q.now.Sub(begin); q.moves != 0 || took < 48*time.Second || took > 51*time.Second {
		t.Errorf("%d moves, took %v; want none and 50 s", q.moves, took)
	}
}

func TestUnlimited(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{})
	q.put(10_000, "a.example", 5)
	q.run(time.Hour)
	if q.moves != 0 || len(q.l.domains) != 0 {
		t.Errorf("%d moves, %d domains kept", q.moves, len(q.l.domains))
	}
}

// TestManyDomainsAreForgotten: the table of domains is bounded.
func TestManyDomainsAreForgotten(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{DomainRate: 5})
	for i := range 5 * maxDomains {
		q.put(1, fmt.Sprintf("d%d.example", i), 5)
		q.run(time.Hour)
		q.now = q.now.Add(10 * time.Millisecond)
	}
	if n := len(q.l.domains); n > 2*maxDomains {
		t.Errorf("%d domains are kept", n)
	}
}

// What was found out of a domain is a process's own, however many send.
func TestShareDividesConfiguredRatesAlone(t *testing.T) {
	t.Parallel()
	q := newQueueModel(t, Limits{Rate: 100, DomainRate: 8, Domains: map[string]float64{"slow.example": 4}})
	q.l.Share(4)
	for range 8 {
		q.l.Observe("strict.example", Reply{Command: "rcpt_to", Code: 450, Enhanced: "4.7.1", Text: "too many"})
	}
	q.l.Admit("slow.example", 5, true)
	before := q.l.domains["strict.example"].adaptive
	for _, senders := range []int{4, 2, 1, 0} {
		q.l.Share(senders)
		n := float64(max(senders, 1))
		all, one, other := q.l.all.configured.rate, q.l.domains["slow.example"].configured.rate, q.l.domains["strict.example"].configured.rate
		if all != 100/n || one != 4/n || other != 8/n {
			t.Errorf("%d senders: %v, %v and %v a second", senders, all, one, other)
		}
	}
	if q.l.domains["strict.example"].adaptive != before || before.closedUntil.IsZero() {
		t.Error("the adaptive limit changed")
	}
}
