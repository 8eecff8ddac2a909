package smtp

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// readChunk reads MAIL, RCPT and BDAT with the message, without a reply in between.
func readChunk(s *smtptest.Session) (message string, ok bool) {
	if !s.Expect("MAIL") || !s.Expect("RCPT") {
		return "", false
	}
	return s.ReadChunk()
}

// TestChunkTravelsWithItsEnvelope: one write, no dots doubled, and the next mail
// takes the same connection.
func TestChunkTravelsWithItsEnvelope(t *testing.T) {
	t.Parallel()
	got := make(chan string, 3)
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet("PIPELINING", "CHUNKING", "SIZE 100000", "8BITMIME")
		for {
			m, ok := readChunk(s)
			if !ok {
				return
			}
			got <- m
			s.Reply("250 ok", "250 ok", "250 2.0.0 queued as 4X")
		}
	}))
	s := newRelay(t, cfg)
	for i := range 3 {
		e := envelope(i)
		if r := send(t, s, e); r.Reply != "queued as 4X" {
			t.Fatalf("receipt %+v", r)
		}
		if m := <-got; m != string(e.Data) {
			t.Fatalf("%q arrived as %q", e.Data, m)
		}
	}
}

// TestChunkOfARefusedEnvelope: the reply to the chunk is read off, too.
func TestChunkOfARefusedEnvelope(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string][]string{
		"rcpt_to":   {"250 ok", "550 5.1.1 no such user", "503 5.5.1 no recipients"},
		"mail_from": {"550 5.1.8 no such sender", "503 5.5.1 MAIL first", "503 5.5.1 MAIL first"},
		"data":      {"250 ok", "250 ok", "554 5.7.1 spam"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				dials.Add(1)
				s.Greet("PIPELINING", "CHUNKING")
				if _, ok := readChunk(s); !ok {
					return
				}
				s.Reply(replies...)
				if !s.Expect("RSET") {
					return
				}
				s.Reply("250 ok")
				if _, ok := readChunk(s); ok {
					s.Reply("250 ok", "250 ok", "250 ok")
				}
				s.Hang()
			}))
			s := newRelay(t, cfg)
			if e := sendError(t, s, envelope(1)); e.Verdict != mail.Dead || e.Reason != name {
				t.Fatalf("verdict %s for %s", e.Verdict, e.Reason)
			}
			send(t, s, envelope(2))
			if n := dials.Load(); n != 1 {
				t.Fatalf("%d connections, want 1", n)
			}
		})
	}
}

// TestChunkLostAnswer: whoever has the whole chunk may have taken it.
func TestChunkLostAnswer(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string][]string{"at once": nil, "after MAIL": {"250 ok"}, "after RCPT": {"250 ok", "250 ok"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet("PIPELINING", "CHUNKING")
				if _, ok := readChunk(s); ok && replies != nil {
					s.Reply(replies...)
				}
			}))
			if e := sendError(t, newRelay(t, cfg), envelope(1)); e.Verdict != mail.Unknown {
				t.Fatalf("verdict %s", e.Verdict)
			}
		})
	}
}

// TestNoChunk: a mail with HoldUnknown, a large one and one on a connection that has idled
// wait for the relay's 354.
func TestNoChunk(t *testing.T) {
	t.Parallel()
	hold, large := envelope(1), envelope(2)
	hold.HoldUnknown = true
	large.Data = []byte("Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", maxChunk/12+1))
	for name, e := range map[string]mail.Envelope{"hold": hold, "large": large, "idled": envelope(3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clock atomic.Int64
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet("PIPELINING", "CHUNKING")
				if name == "idled" {
					if _, ok := readChunk(s); ok {
						s.Reply("250 ok", "250 ok", "250 ok")
					}
				}
				s.AcceptAll(ignore)
			}))
			cfg.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
			s := newRelay(t, cfg)
			if name == "idled" {
				send(t, s, e)
				clock.Add(2)
			}
			send(t, s, e)
		})
	}
}

// TestChunkUnknownToTheRelay: it says CHUNKING and does not know BDAT; the mail is
// sent the other way at once, and so are those after it.
func TestChunkUnknownToTheRelay(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
		dials.Add(1)
		s.Greet("PIPELINING", "CHUNKING")
		if n > 1 {
			s.AcceptAll(ignore)
			return
		}
		if _, ok := readChunk(s); ok {
			s.Reply("250 ok", "250 ok", "500 5.5.2 command not recognised")
		}
		s.Hang()
	}))
	s := newRelay(t, cfg)
	send(t, s, envelope(1))
	send(t, s, envelope(2))
	if n := dials.Load(); n != 2 {
		t.Fatalf("%d connections, want 2", n)
	}
}
