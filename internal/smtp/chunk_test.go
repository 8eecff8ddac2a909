package smtp

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/mail"
)

// chunk hears MAIL, RCPT and BDAT with the message, without a word in between.
func (s *session) chunk() (message string, ok bool) {
	if !s.expect("MAIL") || !s.expect("RCPT") {
		return "", false
	}
	var size int
	if _, err := fmt.Sscanf(s.hear(), "BDAT %d LAST", &size); err != nil {
		return "", false
	}
	b := make([]byte, size)
	_, err := io.ReadFull(s.r, b)
	return string(b), err == nil
}

// TestChunkTravelsWithItsEnvelope: one write, no dots doubled, and the next mail
// takes the same connection.
func TestChunkTravelsWithItsEnvelope(t *testing.T) {
	t.Parallel()
	got := make(chan string, 3)
	cfg := relayAt(t, scripted(t, func(_ int, s *session) {
		s.greet("PIPELINING", "CHUNKING", "SIZE 100000", "8BITMIME")
		for {
			m, ok := s.chunk()
			if !ok {
				return
			}
			got <- m
			s.say("250 ok", "250 ok", "250 2.0.0 queued as 4X")
		}
	}))
	s := newSender(t, cfg)
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
			cfg := relayAt(t, scripted(t, func(_ int, s *session) {
				dials.Add(1)
				s.greet("PIPELINING", "CHUNKING")
				if _, ok := s.chunk(); !ok {
					return
				}
				s.say(replies...)
				if !s.expect("RSET") {
					return
				}
				s.say("250 ok")
				if _, ok := s.chunk(); ok {
					s.say("250 ok", "250 ok", "250 ok")
				}
				s.hang()
			}))
			s := newSender(t, cfg)
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
			cfg := relayAt(t, scripted(t, func(_ int, s *session) {
				s.greet("PIPELINING", "CHUNKING")
				if _, ok := s.chunk(); ok && replies != nil {
					s.say(replies...)
				}
			}))
			if e := sendError(t, newSender(t, cfg), envelope(1)); e.Verdict != mail.Unknown {
				t.Fatalf("verdict %s", e.Verdict)
			}
		})
	}
}

// TestNoChunk: a careful mail, a large one and one on a connection that has idled
// wait for the relay's 354.
func TestNoChunk(t *testing.T) {
	t.Parallel()
	careful, large := envelope(1), envelope(2)
	careful.Careful = true
	large.Data = []byte("Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", maxChunk/12+1))
	for name, e := range map[string]mail.Envelope{"careful": careful, "large": large, "idled": envelope(3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clock atomic.Int64
			cfg := relayAt(t, scripted(t, func(_ int, s *session) {
				s.greet("PIPELINING", "CHUNKING")
				if name == "idled" {
					if _, ok := s.chunk(); ok {
						s.say("250 ok", "250 ok", "250 ok")
					}
				}
				s.takeAll(ignore)
			}))
			cfg.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
			s := newSender(t, cfg)
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
	cfg := relayAt(t, scripted(t, func(n int, s *session) {
		dials.Add(1)
		s.greet("PIPELINING", "CHUNKING")
		if n > 1 {
			s.takeAll(ignore)
			return
		}
		if _, ok := s.chunk(); ok {
			s.say("250 ok", "250 ok", "500 5.5.2 command not recognised")
		}
		s.hang()
	}))
	s := newSender(t, cfg)
	send(t, s, envelope(1))
	send(t, s, envelope(2))
	if n := dials.Load(); n != 2 {
		t.Fatalf("%d connections, want 2", n)
	}
}
