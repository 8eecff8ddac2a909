package smtp

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// nonMailLimit counts as Exim does: NOOP, and RSET but for the first after each mail taken.
// At the eleventh the connection is dropped.
type nonMailLimit struct {
	dials, dropped atomic.Int32
}

func (p *nonMailLimit) serve(_ int, s *smtptest.Session) {
	p.dials.Add(1)
	s.Greet()
	counted, free := 0, true
	for {
		line := s.ReadLine()
		verb, _, _ := strings.Cut(line, " ")
		if verb == "NOOP" || verb == "RSET" && !free {
			counted++
		}
		switch {
		case counted > 10:
			p.dropped.Add(1)
			s.Reply("554 Too many nonmail commands")
			return
		case strings.Contains(line, "<gone@"):
			s.Reply("550 5.1.1 no such user")
		case verb == "DATA":
			s.Reply("354 go ahead")
			s.ReadData()
			s.Reply("250 taken")
			free = true
		case verb == "MAIL" || verb == "RCPT" || verb == "NOOP" || verb == "RSET":
			free = free && verb != "RSET"
			s.Reply("250 ok")
		default:
			return
		}
	}
}

// TestManyRefusals: a run of refused mails does not use up a relay's limit of other commands, and does
// not cost a connection each.
func TestManyRefusals(t *testing.T) {
	t.Parallel()
	var p nonMailLimit
	s := newRelay(t, relayAt(t, smtptest.Script(t, p.serve)))
	gone := envelope(1)
	gone.Recipient = "gone@shop.example"
	for range 3 {
		for range 20 {
			wantVerdict(t, sendError(t, s, gone), mail.Dead, "rcpt_to", 550)
		}
		send(t, s, envelope(2))
	}
	if p.dropped.Load() != 0 || p.dials.Load() > 8 {
		t.Fatalf("%d of %d connections were dropped, want none of at most 8", p.dropped.Load(), p.dials.Load())
	}
}

// TestRefusalsBetweenMails: a refusal after each mail taken costs no connection.
func TestRefusalsBetweenMails(t *testing.T) {
	t.Parallel()
	var p nonMailLimit
	s := newRelay(t, relayAt(t, smtptest.Script(t, p.serve)))
	gone := envelope(1)
	gone.Recipient = "gone@shop.example"
	for range 20 {
		wantVerdict(t, sendError(t, s, gone), mail.Dead, "rcpt_to", 550)
		send(t, s, envelope(2))
	}
	if p.dials.Load() != 1 {
		t.Fatalf("%d connections, want 1", p.dials.Load())
	}
}

// TestManyPauses: a mail now and then, with NOOP before each.
func TestManyPauses(t *testing.T) {
	t.Parallel()
	var p nonMailLimit
	var now atomic.Int64
	cfg := relayAt(t, smtptest.Script(t, p.serve))
	cfg.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	s := newRelay(t, cfg)
	for range 40 { // 15 s apart: none idles too long, ten minutes are not over
		send(t, s, envelope(1))
		now.Add(15)
	}
	if p.dropped.Load() != 0 || p.dials.Load() > 6 {
		t.Fatalf("%d of %d connections were dropped, want none of at most 6", p.dropped.Load(), p.dials.Load())
	}
}
