package smtp

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/mail"
)

// chain gives each mail the one that follows it, as a worker does, and sends those
// that want is true for; the others are forgotten.
func chain(t *testing.T, s mail.Sender, n int, want func(i int) bool) (errs []error) {
	t.Helper()
	e := addressed(0)
	for i := range n {
		var next *mail.Envelope
		e.Next = func(said mail.Said) *mail.Envelope {
			if i+1 < n {
				next = addressed(i + 1)
				next.Said = said
			}
			return next
		}
		if !want(i) {
			e.Said.Forget()
		} else {
			_, err := s.Send(t.Context(), *e)
			errs = append(errs, err)
		}
		if e = next; e == nil {
			e = addressed(i + 1)
		}
	}
	return errs
}

func every(int) bool { return true }

func addressed(i int) *mail.Envelope {
	e := envelope(i)
	e.Recipient = string(rune('a'+i)) + "@shop.example"
	return &e
}

// relayAhead takes mails and tells of each message whether the next envelope stood
// behind it already. Verdict is the reply to a message, "" to hang up.
func relayAhead(t *testing.T, dials *atomic.Int32, verdict func(recipient string) string) (cfg Config, got func() (recipients []string, ahead int)) {
	t.Helper()
	type taken struct {
		recipient string
		ahead     bool
	}
	all := make(chan taken, 100)
	cfg = relayAt(t, scripted(t, func(_ int, s *session) {
		dials.Add(1)
		s.greet("PIPELINING", "8BITMIME")
		for {
			to, ok := s.envelope()
			if !ok {
				return
			}
			if !strings.HasSuffix(s.message(), "end\n") { // the client went away instead
				return
			}
			all <- taken{to, s.r.Buffered() > 0}
			reply := verdict(to)
			if reply == "" {
				return
			}
			s.say(reply)
		}
	}))
	return cfg, func() (recipients []string, ahead int) {
		for len(all) > 0 {
			one := <-all
			recipients = append(recipients, one.recipient[:1])
			if one.ahead {
				ahead++
			}
		}
		return recipients, ahead
	}
}

func TestEnvelopeTravelsWithTheMessageBefore(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg, got := relayAhead(t, &dials, func(to string) string { return "250 2.0.0 queued as " + to })
	cfg.MessagesPerConn = 4
	if err := errors.Join(chain(t, newSender(t, cfg), 6, every)...); err != nil {
		t.Fatal(err)
	}
	recipients, ahead := got()
	if !slices.Equal(recipients, []string{"a", "b", "c", "d", "e", "f"}) || ahead != 4 || dials.Load() != 2 {
		t.Errorf("%v arrived, %d envelopes ahead, over %d connections; of a connection's last mail nothing may follow", recipients, ahead, dials.Load())
	}
}

// A mail that is not sent after all costs its connection, and is not delivered.
func TestEnvelopeSaidAheadIsForgotten(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg, got := relayAhead(t, &dials, func(string) string { return "250 ok" })
	if err := errors.Join(chain(t, newSender(t, cfg), 3, func(i int) bool { return i != 1 })...); err != nil {
		t.Fatal(err)
	}
	if recipients, _ := got(); !slices.Equal(recipients, []string{"a", "c"}) || dials.Load() != 2 {
		t.Errorf("%v arrived over %d connections", recipients, dials.Load())
	}
}

// A relay that waited for the message for long may have given up: the mail goes over
// another connection.
func TestEnvelopeSaidAheadGrowsOld(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg, got := relayAhead(t, &dials, func(string) string { return "250 ok" })
	var late atomic.Int64
	begin := time.Now()
	cfg.Now = func() time.Time { return begin.Add(time.Duration(late.Load())) }
	wait := func(i int) bool { late.Add(int64(i) * int64(coldAfter)); return true }
	if err := errors.Join(chain(t, newSender(t, cfg), 2, wait)...); err != nil {
		t.Fatal(err)
	}
	if recipients, _ := got(); !slices.Equal(recipients, []string{"a", "b"}) || dials.Load() != 2 {
		t.Errorf("%v arrived over %d connections", recipients, dials.Load())
	}
}

// Forgotten while the mail before it is still under way.
func TestEnvelopeIsForgottenBeforeItsTurn(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	forget := make(chan mail.Said, 1)
	cfg, got := relayAhead(t, &dials, func(string) string { (<-forget).Forget(); return "250 ok" })
	s := newSender(t, cfg)
	first := addressed(0)
	first.Next = func(said mail.Said) *mail.Envelope {
		next := addressed(1)
		next.Said = said
		forget <- said
		return next
	}
	send(t, s, *first)
	forget <- &said{}
	send(t, s, *addressed(2))
	if recipients, _ := got(); !slices.Equal(recipients, []string{"a", "c"}) || dials.Load() != 2 {
		t.Errorf("%v arrived over %d connections", recipients, dials.Load())
	}
}

func TestEnvelopeAheadAndTheFateOfTheMailBefore(t *testing.T) {
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
			cfg := relayAt(t, scripted(t, func(n int, s *session) {
				dials.Add(1)
				s.greet("PIPELINING")
				if _, ok := s.envelope(); !ok {
					return
				}
				s.message()
				if n == 1 && c.reply != "" {
					s.say(c.reply)
				}
				if n > 1 {
					s.say("250 ok")
				}
				if n == 1 && c.dials > 1 {
					for range saidAhead { // what is read cannot reset the connection
						s.hear()
					}
					return
				}
				s.takeAll(ignore)
			}))
			errs := chain(t, newSender(t, cfg), 2, every)
			if c.verdict == "" && errs[0] != nil || c.verdict != "" && asSendError(t, errs[0]).Verdict != c.verdict {
				t.Errorf("the first mail: %v", errs[0])
			}
			if errs[1] != nil || dials.Load() != c.dials {
				t.Errorf("the second mail: %v, over %d connections", errs[1], dials.Load())
			}
		})
	}
}

// The relay's answer to an envelope said ahead is that mail's own.
func TestEnvelopeAheadIsRefused(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string][]string{
		"rcpt_to":   {"250 ok", "550 5.1.1 no such user", "503 5.5.1 no recipients"},
		"mail_from": {"550 5.1.8 no such sender", "503 5.5.1 MAIL first", "503 5.5.1 MAIL first"},
		"data":      {"250 ok", "250 ok", "550 5.7.1 no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			cfg := relayAt(t, scripted(t, func(_ int, s *session) {
				dials.Add(1)
				s.greet("PIPELINING")
				if _, ok := s.envelope(); !ok {
					return
				}
				s.message()
				s.say("250 ok")
				if !s.expect("MAIL") || !s.expect("RCPT") || !s.expect("DATA") {
					return
				}
				s.say(replies...)
				s.takeAll(ignore)
			}))
			errs := chain(t, newSender(t, cfg), 3, every)
			if errs[0] != nil || errs[2] != nil || dials.Load() != 1 {
				t.Errorf("the others: %v, %v, over %d connections", errs[0], errs[2], dials.Load())
			}
			wantVerdict(t, asSendError(t, errs[1]), mail.Dead, name, 550)
		})
	}
}

// A relay that loses what follows a final dot, or takes it for an attack, is found
// out by one mail, which goes another way at once.
func TestRelayThatIsNotReadyForWhatFollows(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(s *session){
		"silent":  func(s *session) { s.hang() },
		"refuses": func(s *session) { s.say("554 SMTP synchronization error"); s.hang() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials, envelopes atomic.Int32
			cfg := relayAt(t, scripted(t, func(_ int, s *session) {
				dials.Add(1)
				s.greet("PIPELINING")
				for {
					if _, ok := s.envelope(); !ok {
						return
					}
					s.message()
					hasty := s.r.Buffered() > 0
					s.say("250 ok")
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
			if err := errors.Join(chain(t, newSender(t, cfg), 5, every)...); err != nil {
				t.Fatal(err)
			}
			if dials.Load() != 2 || envelopes.Load() != 1 {
				t.Errorf("%d connections, %d envelopes said ahead", dials.Load(), envelopes.Load())
			}
		})
	}
}

// Nothing is said ahead of a mail where a lost answer would be worse, nor with
// CHUNKING, nor without PIPELINING.
func TestNoEnvelopeAhead(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string][]string{"careful": {"PIPELINING"}, "chunking": {"PIPELINING", "CHUNKING"}, "plain": {"8BITMIME"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := relayAt(t, scripted(t, func(_ int, s *session) {
				s.greet(offers...)
				if name == "chunking" {
					s.chunk()
					s.say("250 ok", "250 ok", "250 ok")
				}
				s.takeAll(ignore)
			}))
			e := *addressed(0)
			e.Careful = name == "careful"
			e.Next = func(mail.Said) *mail.Envelope { t.Error("the next mail was asked for"); return nil }
			send(t, newSender(t, cfg), e)
		})
	}
}

// The other relay takes the mail: what the first one has heard is taken back.
func TestEnvelopeAheadAtARelayThatIsGivenUp(t *testing.T) {
	t.Parallel()
	var dials [2]atomic.Int32
	var relays [2]Config
	for i := range dials {
		relays[i], _ = relayAhead(t, &dials[i], func(string) string { return "250 ok" })
	}
	r, _ := twoRelays(t, relays[0].Address(), relays[1].Address()) // its Close waits for every place
	errs := chain(t, openAfter{r}, 2, every)
	if err := errors.Join(errs...); err != nil || dials[0].Load() != 1 || dials[1].Load() != 1 {
		t.Errorf("%v over %d and %d connections", err, dials[0].Load(), dials[1].Load())
	}
}

// openAfter opens the breaker of the first relay after a mail.
type openAfter struct{ *Relays }

func (o openAfter) Send(ctx context.Context, e mail.Envelope) (mail.Receipt, error) {
	r, err := o.Relays.Send(ctx, e)
	for range 10 {
		o.all[0].breaker.report(ill)
	}
	return r, err
}

// What follows the dot may get lost alone: then nobody knows whether the mail was taken.
func TestDotIsCountedApartFromWhatFollows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost int // bytes that the kernel does not take
		sent bool
	}{"envelope": {5, true}, "dot": {60, false}} {
		w := newWire(&torn{lost: c.lost}, Timeouts{})
		w.phase = body
		w.tx = transaction{data: []byte(strings.Repeat("x", 200) + "\r\n")}
		w.next = func() *transaction { return &transaction{from: "a@b.co", recipient: "c@d.co"} }
		if err := w.message(); err == nil || w.dotSent != c.sent {
			t.Errorf("%s: %v, the dot has gone: %v", name, err, w.dotSent)
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
