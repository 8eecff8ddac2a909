package smtp

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// chain sends mails that all wait for the only connection, in their order, before the
// first of them gets it. It gives their errors.
func chain(t *testing.T, cfg Config, n int, change ...func(i int, e *mail.Envelope)) []error {
	t.Helper()
	cfg.Connections = 1
	s := newRelay(t, cfg)
	free := occupy(t, s, 1)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		e := addressed(i)
		for _, f := range change {
			f(i, e)
		}
		wg.Go(func() { _, errs[i] = s.Send(t.Context(), *e) })
		queued(t, s, i+1)
	}
	free()
	wg.Wait()
	return errs
}

// occupy takes slots without connections; each call of free gives one back.
func occupy(t *testing.T, s *Relay, slots int) (free func()) {
	t.Helper()
	for range slots {
		if c, err := s.pool.acquire(t.Context(), nil); c != nil || err != nil {
			t.Fatal(c, err)
		}
	}
	return s.pool.releaseSlot
}

// queued waits until so many mails wait for a slot.
func queued(t *testing.T, s *Relay, n int) {
	t.Helper()
	eventually(t, func() bool {
		s.pool.mu.Lock()
		defer s.pool.mu.Unlock()
		return s.pool.waiting.Len() == n
	})
}

func addressed(i int) *mail.Envelope {
	e := envelope(i)
	e.Recipient = string(rune('a'+i)) + "@shop.example"
	return &e
}

// pipeliningRelay takes mails and tells of each message whether the next envelope stood
// behind it already. Verdict is the reply to a message, "" to hang up.
func pipeliningRelay(t *testing.T, dials *atomic.Int32, verdict func(recipient string) string) (cfg Config, got func() (recipients []string, early int)) {
	t.Helper()
	type taken struct {
		recipient string
		early     bool
	}
	all := make(chan taken, 100)
	cfg = relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		dials.Add(1)
		s.Greet("PIPELINING", "8BITMIME")
		for {
			to, ok := s.AcceptEnvelope()
			if !ok {
				return
			}
			if !strings.HasSuffix(s.ReadData(), "end\n") { // the client went away instead
				return
			}
			all <- taken{to, s.Buffered() > 0}
			reply := verdict(to)
			if reply == "" {
				return
			}
			s.Reply(reply)
		}
	}))
	return cfg, func() (recipients []string, early int) {
		for len(all) > 0 {
			one := <-all
			recipients = append(recipients, one.recipient[:1])
			if one.early {
				early++
			}
		}
		return recipients, early
	}
}

func TestNextEnvelopeTravelsWithTheMessage(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg, got := pipeliningRelay(t, &dials, func(to string) string { return "250 2.0.0 queued as " + to })
	cfg.MessagesPerConn = 4
	if err := errors.Join(chain(t, cfg, 6)...); err != nil {
		t.Fatal(err)
	}
	recipients, early := got()
	if !slices.Equal(recipients, []string{"a", "b", "c", "d", "e", "f"}) || early != 4 || dials.Load() != 2 {
		t.Errorf("%v arrived, %d envelopes early, over %d connections; of a connection's last mail nothing may follow", recipients, early, dials.Load())
	}
}

// A mail that is given up costs the connection that its envelope went out on, and is
// not delivered.
func TestReservedMailIsCancelled(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	cfg, got := pipeliningRelay(t, &dials, func(string) string { cancel(); <-over; return "250 ok" })
	cfg.Connections = 1
	s := newRelay(t, cfg)
	free := occupy(t, s, 1)
	var wg sync.WaitGroup
	wg.Go(func() { send(t, s, *addressed(0)) })
	queued(t, s, 1)
	wg.Go(func() {
		_, err := s.Send(ctx, *addressed(1))
		wantVerdict(t, asSendError(t, err), mail.Retry, "timeout", 0)
		close(over)
	})
	queued(t, s, 2)
	free()
	wg.Wait()
	send(t, s, *addressed(2))
	if recipients, _ := got(); !slices.Equal(recipients, []string{"a", "c"}) || dials.Load() != 2 {
		t.Errorf("%v arrived over %d connections", recipients, dials.Load())
	}
}

// A relay that stalls keeps the mail it has, not the one that was to follow it: that
// goes over another connection.
func TestReservedMailLeavesAStalledConnection(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	other := make(chan struct{})
	cfg, got := pipeliningRelay(t, &dials, func(to string) string {
		if to[0] == 'a' {
			<-other
		}
		return "250 ok"
	})
	s := newRelay(t, cfg)
	free := occupy(t, s, 2)
	var wg sync.WaitGroup
	wg.Go(func() { send(t, s, *addressed(0)) })
	queued(t, s, 1)
	wg.Go(func() { send(t, s, *addressed(1)); close(other) })
	queued(t, s, 2)
	free()
	queued(t, s, 0)
	free()
	wg.Wait()
	if recipients, early := got(); !slices.Equal(recipients, []string{"b", "a"}) && !slices.Equal(recipients, []string{"a", "b"}) || early != 1 || dials.Load() != 2 {
		t.Errorf("%v arrived, %d envelopes early, over %d connections", recipients, early, dials.Load())
	}
}

func TestNextEnvelopeAndTheOutcomeOfTheMailBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply   string
		verdict mail.Verdict
		dials   int32
	}{
		"refused":      {"554 5.7.1 spam", mail.Dead, 1},
		"not now":      {"451 4.3.0 later", mail.Retry, 1},
		"last words":   {"421 4.3.2 closing", mail.Retry, 2},
		"hung up":      {"", mail.Unknown, 2},
		"taken, ended": {"250 ok", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
				dials.Add(1)
				s.Greet("PIPELINING")
				if _, ok := s.AcceptEnvelope(); !ok {
					return
				}
				s.ReadData()
				if n == 1 && c.reply != "" {
					s.Reply(c.reply)
				}
				if n > 1 {
					s.Reply("250 ok")
				}
				if n == 1 && c.dials > 1 {
					for range envelopeCommands { // what is read cannot reset the connection
						s.ReadLine()
					}
					return
				}
				s.AcceptAll(ignore)
			}))
			errs := chain(t, cfg, 2)
			if c.verdict == "" && errs[0] != nil || c.verdict != "" && asSendError(t, errs[0]).Verdict != c.verdict {
				t.Errorf("the first mail: %v", errs[0])
			}
			if errs[1] != nil || dials.Load() != c.dials {
				t.Errorf("the second mail: %v, over %d connections", errs[1], dials.Load())
			}
		})
	}
}

// The relay's answer to an envelope that came early is that mail's own.
func TestNextEnvelopeIsRefused(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string][]string{
		"rcpt_to":   {"250 ok", "550 5.1.1 no such user", "503 5.5.1 no recipients"},
		"mail_from": {"550 5.1.8 no such sender", "503 5.5.1 MAIL first", "503 5.5.1 MAIL first"},
		"data":      {"250 ok", "250 ok", "550 5.7.1 no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				dials.Add(1)
				s.Greet("PIPELINING")
				if _, ok := s.AcceptEnvelope(); !ok {
					return
				}
				s.ReadData()
				s.Reply("250 ok")
				if !s.Expect("MAIL") || !s.Expect("RCPT") || !s.Expect("DATA") {
					return
				}
				s.Reply(replies...)
				s.AcceptAll(ignore)
			}))
			errs := chain(t, cfg, 3)
			if errs[0] != nil || errs[2] != nil || dials.Load() != 1 {
				t.Errorf("the others: %v, %v, over %d connections", errs[0], errs[2], dials.Load())
			}
			wantVerdict(t, asSendError(t, errs[1]), mail.Dead, name, 550)
		})
	}
}

// A relay that loses what follows a final dot, or takes it for an attack, is noticed
// at one mail, which goes another way at once.
func TestRelayLosesTheNextEnvelope(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(s *smtptest.Session){
		"silent":  func(s *smtptest.Session) { s.Hang() },
		"refuses": func(s *smtptest.Session) { s.Reply("554 SMTP synchronization error"); s.Hang() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials, envelopes atomic.Int32
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				dials.Add(1)
				s.Greet("PIPELINING")
				for {
					if _, ok := s.AcceptEnvelope(); !ok {
						return
					}
					s.ReadData()
					hasty := s.Buffered() > 0
					s.Reply("250 ok")
					if hasty {
						envelopes.Add(1)
						answer(s)
						return
					}
				}
			}))
			if name == "silent" {
				cfg.Timeouts.Command = 2 * time.Second // of which what is answered needs little
			}
			if err := errors.Join(chain(t, cfg, 5)...); err != nil {
				t.Fatal(err)
			}
			if dials.Load() != 2 || envelopes.Load() != 1 {
				t.Errorf("%d connections, %d envelopes that came early", dials.Load(), envelopes.Load())
			}
		})
	}
}

// No envelope travels with a message where a lost answer would be worse, nor that of
// such a mail, nor with CHUNKING, nor without PIPELINING.
func TestNoNextEnvelope(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string][]string{
		"hold": {"PIPELINING"}, "next is hold": {"PIPELINING"}, "chunking": {"PIPELINING", "CHUNKING"}, "plain": {"8BITMIME"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var early atomic.Int32
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet(offers...)
				for range 2 {
					if name == "chunking" {
						readChunk(s)
						early.Add(int32(s.Buffered()))
						s.Reply("250 ok", "250 ok", "250 ok")
						continue
					}
					s.AcceptEnvelope()
					s.ReadData()
					early.Add(int32(s.Buffered()))
					s.Reply("250 ok")
				}
				s.AcceptAll(ignore)
			}))
			hold := func(i int, e *mail.Envelope) {
				e.HoldUnknown = name == "hold" && i == 0 || name == "next is hold" && i == 1
			}
			if err := errors.Join(chain(t, cfg, 2, hold)...); err != nil || early.Load() != 0 {
				t.Errorf("%v, %d bytes followed a message", err, early.Load())
			}
		})
	}
}

// Mails that wait for a connection to a relay go to the next one when it turns out
// to be down.
func TestWaitingMailsFailOver(t *testing.T) {
	t.Parallel()
	first, _ := counted(t)
	second, taken := counted(t)
	r, _ := twoRelays(t, first, second, func(c *Config) { c.Connections = 1 })
	r.options.Pause = func(int) time.Duration { return time.Hour }
	isDown := &mail.SendError{Verdict: mail.Retry, Reason: "connect"}
	var wg sync.WaitGroup
	free := occupy(t, r.all[0].Relay, 1)
	for i := range 3 {
		wg.Go(func() {
			if _, err := r.Send(t.Context(), *addressed(i)); err != nil {
				t.Error(err)
			}
		})
	}
	queued(t, r.all[0].Relay, 3)
	r.report(t.Context(), r.all[0], down, isDown)
	wg.Wait()
	free()
	if taken.Load() != 3 {
		t.Errorf("%d of 3 mails went to the other relay", taken.Load())
	}
}

// What follows the dot may get lost alone: then nobody knows whether the mail was taken.
func TestMessageSentIsCountedApartFromTheNextEnvelope(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost int // bytes that the kernel does not take
		sent bool
	}{"envelope": {5, true}, "dot": {60, false}} {
		w := newWire(&torn{lost: c.lost}, Timeouts{})
		w.phase = body
		w.tx = transaction{data: []byte(strings.Repeat("x", 200) + "\r\n")}
		w.next = func() *transaction { return &transaction{from: "a@b.co", recipient: "c@d.co"} }
		if err := w.writeMessage(); err == nil || w.messageSent != c.sent {
			t.Errorf("%s: %v, the dot has gone: %v", name, err, w.messageSent)
		}
	}
}

type torn struct {
	net.Conn
	lost int
}

func (c *torn) Write(p []byte) (int, error)   { return len(p) - c.lost, net.ErrClosed }
func (*torn) SetReadDeadline(time.Time) error { return nil }
func (*torn) Read([]byte) (int, error)        { return 0, net.ErrClosed }
