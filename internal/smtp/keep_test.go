package smtp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// TestKeptConnection: many mails, one connection, every message as it was given.
func TestKeptConnection(t *testing.T) {
	t.Parallel()
	for _, extension := range []string{"PIPELINING", "SIZE 100000"} {
		t.Run(extension, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			got := make(chan string, 10)
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				dials.Add(1)
				s.Greet(extension)
				s.AcceptAll(func(_, m string) { got <- m })
			}))
			s := newRelay(t, cfg)
			for i := range 5 {
				r := send(t, s, envelope(i))
				if r.Reply != "queued as b@shop.example" || r.Relay != cfg.Address() {
					t.Fatalf("receipt %+v", r)
				}
				if m := <-got; !strings.HasSuffix(m, fmt.Sprintf("\n\nmail %d\n..\nend\n", i)) {
					t.Fatalf("message %q", m)
				}
			}
			if dials.Load() != 1 {
				t.Fatalf("%d connections, want 1", dials.Load())
			}
		})
	}
}

// TestPipelining: MAIL, RCPT and DATA arrive without waiting for replies.
func TestPipelining(t *testing.T) {
	t.Parallel()
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet("PIPELINING", "SIZE")
		if s.Expect("MAIL FROM:<a@shop.example> SIZE=") && s.Expect("RCPT TO:<b@shop.example>") && s.Expect("DATA") {
			s.Reply("250 ok", "250 ok", "354 go")
			s.ReadData()
			s.Reply("250 taken")
		}
		s.Hang()
	}))
	send(t, newRelay(t, cfg), envelope(1))
}

// TestRefusedWhilePipelining: after a refusal under pipelining the replies that are still
// due are read off, RSET comes, and the connection serves the next mail.
func TestRefusedWhilePipelining(t *testing.T) {
	t.Parallel()
	var dials, resets atomic.Int32
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		dials.Add(1)
		s.Greet("PIPELINING")
		s.ReadLine()
		s.ReadLine()
		s.ReadLine()
		s.Reply("250 ok", "550 5.1.1 no such user", "554 5.5.1 no valid recipients")
		if s.Expect("RSET") {
			resets.Add(1)
			s.Reply("250 ok")
		}
		s.AcceptAll(ignore)
	}))
	s := newRelay(t, cfg)
	wantVerdict(t, sendError(t, s, envelope(1)), mail.Dead, "rcpt_to", 550)
	send(t, s, envelope(2))
	if dials.Load() != 1 || resets.Load() != 1 {
		t.Fatalf("%d connections, %d RSET; want 1 and 1", dials.Load(), resets.Load())
	}
}

// TestWantsMessageWithoutRecipient: 354 although RCPT was refused. No byte of the
// message may go out; the connection is given up.
func TestWantsMessageWithoutRecipient(t *testing.T) {
	t.Parallel()
	leaked := make(chan string, 1)
	cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
		s.Greet("PIPELINING")
		if n > 1 {
			s.AcceptAll(ignore)
			return
		}
		s.ReadLine()
		s.ReadLine()
		s.ReadLine()
		s.Reply("250 ok", "550 no", "354 go ahead")
		leaked <- s.ReadLine()
	}))
	s := newRelay(t, cfg)
	wantVerdict(t, sendError(t, s, envelope(1)), mail.Dead, "rcpt_to", 550)
	if line := <-leaked; line != "" {
		t.Fatalf("the relay was sent %q", line)
	}
	send(t, s, envelope(2))
}

// TestStaleConnection: the relay closed the kept connection; the mail arrives once.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	for name, farewell := range map[string]string{"end of file": "", "421": "421 4.4.2 idle too long"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var taken atomic.Int32
			gone := make(chan struct{})
			cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
				s.Greet("PIPELINING")
				if n > 1 {
					s.AcceptAll(func(string, string) { taken.Add(1) })
					return
				}
				s.AcceptEnvelope()
				s.ReadData()
				s.Reply("250 ok")
				taken.Add(1)
				if farewell != "" {
					s.Reply(farewell)
				}
				_ = s.Close()
				close(gone)
			}))
			s := newRelay(t, cfg)
			send(t, s, envelope(1))
			<-gone
			send(t, s, envelope(2))
			if taken.Load() != 2 {
				t.Fatalf("%d mails taken, want 2", taken.Load())
			}
		})
	}
}

// TestReplacedOnlyOnce: a relay that closes every connection is not tried for ever.
func TestReplacedOnlyOnce(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
		dials.Add(1)
		s.Greet()
		if n == 1 {
			s.AcceptEnvelope()
			s.ReadData()
			s.Reply("250 ok")
		}
	}))
	s := newRelay(t, cfg)
	send(t, s, envelope(1))
	wantVerdict(t, sendError(t, s, envelope(2)), mail.Retry, "closed", 0)
	if dials.Load() != 2 {
		t.Fatalf("%d connections, want 2", dials.Load())
	}
}

// TestNoopAfterIdling and the two limits of a connection's life, by a clock of ours.
func TestConnectionLife(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		pause  time.Duration
		want   string // the verb that comes after the first mail
	}{
		"at once":      {func(*Config) {}, time.Second, "MAIL"},
		"after a rest": {func(*Config) {}, 11 * time.Second, "NOOP"},
		"too old":      {func(c *Config) { c.MaxAge = 5 * time.Second }, 6 * time.Second, "QUIT"},
		"idle long":    {func(c *Config) { c.IdleTimeout = time.Hour }, 61 * time.Minute, "QUIT"},
		"many mails":   {func(c *Config) { c.MessagesPerConn = 1 }, 0, "QUIT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clock atomic.Int64
			verbs := make(chan string, 10)
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet()
				s.AcceptEnvelope()
				s.ReadData()
				s.Reply("250 ok")
				line := s.ReadLine()
				verbs <- line[:min(4, len(line))]
				s.Reply("250 ok")
				s.AcceptAll(ignore)
			}))
			cfg.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
			cfg.IdleTimeout = time.Hour
			c.change(&cfg)
			s := newRelay(t, cfg)
			send(t, s, envelope(1))
			clock.Add(int64(c.pause / time.Second))
			send(t, s, envelope(2))
			if got := <-verbs; got != c.want {
				t.Fatalf("after the first mail came %q, want %q", got, c.want)
			}
		})
	}
}

// TestIdleConnectionsAreEnded without another mail coming by.
func TestIdleConnectionsAreEnded(t *testing.T) {
	t.Parallel()
	bye := make(chan string, 1)
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet()
		s.AcceptEnvelope()
		s.ReadData()
		s.Reply("250 ok")
		bye <- s.ReadLine()
		s.Reply("221 bye")
	}))
	cfg.IdleTimeout = 50 * time.Millisecond
	send(t, newRelay(t, cfg), envelope(1))
	if got := <-bye; got != "QUIT" {
		t.Fatalf("got %q, want QUIT", got)
	}
}

// TestConnectionLimit: never more than Connections, and as many at once.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	const limit, mails = 3, 30
	var now, most atomic.Int32
	all := make(chan struct{})
	var once sync.Once
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		n := now.Add(1)
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
		}
		defer now.Add(-1)
		s.Greet("PIPELINING")
		if now.Load() == limit {
			once.Do(func() { close(all) })
		}
		<-all // nobody is served before all connections stand
		s.AcceptAll(ignore)
	}))
	cfg.Connections = limit
	s := newRelay(t, cfg)
	var wg sync.WaitGroup
	for i := range mails {
		wg.Go(func() {
			if _, err := s.Send(t.Context(), envelope(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != limit {
		t.Fatalf("%d connections at once, want %d", most.Load(), limit)
	}
}

// TestRelayLimitsConnections: "too many connections" makes the others wait
// instead of failing.
func TestRelayLimitsConnections(t *testing.T) {
	t.Parallel()
	second := make(chan struct{})
	var refused atomic.Int32
	cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
		if n > 1 {
			refused.Add(1)
			s.Reply("421 4.7.0 too many connections from your address")
			close(second)
			return
		}
		s.Greet()
		s.AcceptEnvelope()
		s.ReadData()
		<-second // keep the first busy until the second was turned away
		s.Reply("250 ok")
		s.AcceptAll(ignore)
	}))
	s := newRelay(t, cfg)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if _, err := s.Send(t.Context(), envelope(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if refused.Load() != 1 {
		t.Fatalf("dialled %d times in vain, want once", refused.Load())
	}
}

func TestWaitForSlotEndsWithContext(t *testing.T) {
	t.Parallel()
	release, busy := make(chan struct{}), make(chan struct{})
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet()
		s.AcceptEnvelope()
		s.ReadData()
		close(busy)
		<-release
		s.Reply("250 ok")
		s.AcceptAll(ignore)
	}))
	cfg.Connections = 1
	s := newRelay(t, cfg)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Send(t.Context(), envelope(1)); err != nil {
			t.Error(err)
		}
	})
	<-busy
	ctx, cancel := context.WithTimeout(t.Context(), quick)
	defer cancel()
	_, err := s.Send(ctx, envelope(2))
	wantVerdict(t, asSendError(t, err), mail.Retry, "timeout", 0)
	close(release)
	wg.Wait()
	send(t, s, envelope(3)) // the slot was not lost
}
