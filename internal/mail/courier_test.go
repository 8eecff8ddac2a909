package mail

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// aheadSender asks for the next mail in each Send, as a relay without CHUNKING does,
// and notes what it was promised.
type aheadSender struct {
	mu       sync.Mutex
	promised map[*promise]string
	kept     int // promises whose mail came
	sent     map[string]int
	stall    func(n int) // before the answer to the n-th mail
}

type promise struct {
	sender *aheadSender
	over   bool
}

// Forget may come once more after Send.
func (p *promise) Forget() {
	p.sender.mu.Lock()
	defer p.sender.mu.Unlock()
	p.over = true
}

func (s *aheadSender) Send(_ context.Context, e Envelope) (Receipt, error) {
	s.mu.Lock()
	if p, ok := e.Said.(*promise); ok && !p.over {
		if s.promised[p] != string(e.Data) {
			panic("another mail than was promised")
		}
		p.over = true
		s.kept++
	}
	s.sent[string(e.Data)]++
	n := len(s.sent)
	s.mu.Unlock()
	if e.Next != nil {
		p := &promise{sender: s}
		if next := e.Next(p); next != nil {
			s.mu.Lock()
			s.promised[p] = string(next.Data)
			s.mu.Unlock()
			if e.Next(&promise{sender: s}) != nil {
				panic("two mails in one hand")
			}
		}
	}
	if s.stall != nil {
		s.stall(n)
	}
	return Receipt{}, nil
}

func newAheadSender(stall func(int)) *aheadSender {
	return &aheadSender{promised: map[*promise]string{}, sent: map[string]int{}, stall: stall}
}

// once fails unless n mails were sent, none of them twice, and no promise is open.
func (s *aheadSender) once(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sent) != n {
		t.Errorf("%d of %d mails are sent", len(s.sent), n)
	}
	for _, times := range s.sent {
		if times != 1 {
			t.Errorf("a mail was sent %d times", times)
		}
	}
	for p := range s.promised {
		if !p.over {
			t.Error("what was said ahead is neither sent nor taken back")
		}
	}
}

func (s *aheadSender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

func (s *aheadSender) promises() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.promised)
}

func TestCourierSaysTheNextMailAhead(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sender := newAheadSender(func(int) { time.Sleep(time.Millisecond) })
	inBubble(t, s, sender, nil, func(*Worker, func()) {
		s.put(500, nil)
		time.Sleep(time.Minute)
		sender.once(t, 500)
		if sender.kept < 300 {
			t.Errorf("%d of 500 mails were said ahead", sender.kept)
		}
	})
}

// While there are fewer mails than senders, none waits behind another.
func TestCourierLeavesFewMailsToTheOthers(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sender := newAheadSender(func(n int) {
		if n == 1 {
			time.Sleep(patience / 2)
		}
	})
	inBubble(t, s, sender, func(c *WorkerConfig) { c.Connections = 8 }, func(*Worker, func()) {
		s.put(12, nil)
		time.Sleep(patience / 4)
		sender.once(t, 12)
		if n := sender.promises(); n != 0 {
			t.Errorf("%d promises", n)
		}
	})
}

// A mail that expires behind another is not sent, and what was said is taken back.
func TestCourierTakesBackWhatExpires(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sender := newAheadSender(func(n int) {
		if n == 1 {
			time.Sleep(patience / 2)
		}
	})
	inBubble(t, s, sender, func(c *WorkerConfig) { c.Connections = 1 }, func(*Worker, func()) {
		n := 0
		s.put(4, func(c *Claimed) {
			if n++; n == 2 {
				c.ExpiresIn = patience / 4
			}
		})
		time.Sleep(time.Minute)
		sender.once(t, 3)
		if r := look(s, func() int { return len(s.done) }); r != 4 || s.done[2048].State != StateExpired {
			t.Errorf("%d are done, the second one %s", r, s.done[2048].State)
		}
	})
}

// A relay that stalls keeps the mail it has, not the one that was to follow it.
func TestCourierLetsGoWhileARelayStalls(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sender := newAheadSender(func(n int) {
		if n == 1 {
			time.Sleep(10 * time.Minute)
		}
	})
	inBubble(t, s, sender, nil, func(*Worker, func()) {
		s.put(100, nil)
		time.Sleep(10 * time.Second)
		if n := look(s, func() int { return len(s.done) }); n != 99 {
			t.Errorf("%d mails are through, the stalled one alone should not be", n)
		}
		time.Sleep(20 * time.Minute)
		sender.once(t, 100)
	})
}

// The end of the worker: what was said ahead is taken back, and its mail given back.
func TestCourierGivesBackAtTheEnd(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	sender := newAheadSender(func(int) { time.Sleep(500 * time.Millisecond) })
	inBubble(t, s, sender, nil, func(_ *Worker, stop func()) {
		s.put(100, nil)
		time.Sleep(700 * time.Millisecond)
		stop()
		sender.once(t, len(sender.sent))
		for id, r := range s.rows {
			if r.state == StateSending {
				t.Errorf("%d is held still", id)
			}
		}
		if len(s.rows)+len(s.done) != 100 || len(s.done) != len(sender.sent) {
			t.Errorf("%d mails wait, %d are done, %d were sent", len(s.rows), len(s.done), len(sender.sent))
		}
	})
}

// A mail that may not be sent twice, one that vanished with a worker, one that must
// wait and one that is never sent are not said ahead, and lose nothing by it.
func TestCourierSaysNothingAheadOfSpecialMails(t *testing.T) {
	t.Parallel()
	for name, special := range map[string]func(*Claimed){
		"hold":       func(c *Claimed) { c.Hold = true },
		"lapsed":     func(c *Claimed) { c.Lapses = 1 },
		"suppressed": func(c *Claimed) { c.Suppressed = "bounce" },
		"limited":    func(c *Claimed) { c.Recipient = "a@slow.example" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFakeStore()
			sender := newAheadSender(nil)
			change := func(c *WorkerConfig) { c.Limits.Domains = map[string]float64{"slow.example": 1} }
			inBubble(t, s, sender, change, func(*Worker, func()) {
				n := 0
				s.put(100, func(c *Claimed) {
					if n++; n%2 == 0 {
						special(c)
					}
				})
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if n := look(s, func() int { return len(s.done) }); n != 100 {
					t.Errorf("%d of 100 mails are done", n)
				}
				sender.once(t, map[bool]int{true: 50, false: 100}[name == "suppressed"])
			})
		})
	}
}
