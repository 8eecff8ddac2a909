package smtp

import (
	"context"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

func ignore(string, string) {}

// TestRefusals: what the relay's answer at each phase means for the mail.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve   func(s *smtptest.Session)
		verdict mail.Verdict
		reason  string
		code    int
	}{
		"greeting 554": {func(s *smtptest.Session) { s.Reply("554 no service"); s.Hang() }, mail.Retry, "greeting", 554},
		"greeting 421": {func(s *smtptest.Session) { s.Reply("421 busy"); s.Hang() }, mail.Retry, "greeting", 421},
		"not SMTP":     {func(s *smtptest.Session) { s.Reply("HTTP/1.1 400 Bad Request"); s.Hang() }, mail.Retry, "greeting", 0},
		"closed early": {func(*smtptest.Session) {}, mail.Retry, "closed", 0},
		"EHLO and HELO": {func(s *smtptest.Session) {
			s.Reply("220 x")
			s.ReadLine()
			s.Reply("502 no")
			s.ReadLine()
			s.Reply("502 no")
			s.Hang()
		}, mail.Retry, "greeting", 502},
		"MAIL 550":     {func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("550 5.7.1 no"); s.Hang() }, mail.Dead, "mail_from", 550},
		"MAIL 451":     {func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("451 4.3.0 later"); s.Hang() }, mail.Retry, "mail_from", 451},
		"MAIL 530":     {func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("530 5.7.0 who are you"); s.Hang() }, mail.Retry, "auth", 530},
		"MAIL 421":     {func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("421 4.3.2 closing") }, mail.Retry, "mail_from", 421},
		"MAIL garbage": {func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("gibberish"); s.Hang() }, mail.Retry, "mail_from", 0},
		"RCPT 550":     {refuseAt("RCPT", "550 5.1.1 unknown"), mail.Dead, "rcpt_to", 550},
		"RCPT 450":     {refuseAt("RCPT", "450 4.2.1 greylisted, try again in 5 minutes"), mail.Retry, "rcpt_to", 450},
		"DATA 554":     {refuseAt("DATA", "554 5.6.0 no"), mail.Dead, "data", 554},
		"DATA 452":     {refuseAt("DATA", "452 4.3.1 full"), mail.Retry, "data", 452},
		"dot 550":      {afterDot("550 5.7.1 spam"), mail.Dead, "data", 550},
		"dot 451":      {afterDot("451 4.3.0 later"), mail.Retry, "data", 451},
		"dot 421":      {afterDot("421 4.3.2 shutting down"), mail.Retry, "data", 421},
		"dot garbage":  {afterDot("what?"), mail.Unknown, "data", 0},
		"dot closed":   {afterDot(""), mail.Unknown, "closed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRelay(t, relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { c.serve(s) })))
			got := sendError(t, s, envelope(1))
			wantVerdict(t, got, c.verdict, c.reason, c.code)
			if name == "RCPT 450" && (got.Enhanced != "4.2.1" || got.After != 5*time.Minute || !strings.HasPrefix(got.Reply, "greylisted")) {
				t.Fatalf("the reply was not kept: %+v", got)
			}
		})
	}
}

// refuseAt answers 250 until the verb comes.
func refuseAt(verb, reply string) func(*smtptest.Session) {
	return func(s *smtptest.Session) {
		s.Greet()
		for {
			line := s.ReadLine()
			if line == "" {
				return
			}
			if strings.HasPrefix(line, verb) {
				s.Reply(reply)
				continue
			}
			s.Reply("250 ok")
		}
	}
}

func afterDot(reply string) func(*smtptest.Session) {
	return func(s *smtptest.Session) {
		s.Greet()
		s.AcceptEnvelope()
		s.ReadData()
		if reply != "" {
			s.Reply(reply)
			s.Hang()
		}
	}
}

// TestRelayHangs: each phase ends within its own time, and before the final dot
// the mail is safe to try again.
func TestRelayHangs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve   func(s *smtptest.Session)
		verdict mail.Verdict
	}{
		"greeting": {func(s *smtptest.Session) { s.Hang() }, mail.Retry},
		"EHLO":     {func(s *smtptest.Session) { s.Reply("220 x"); s.Hang() }, mail.Retry},
		"MAIL":     {func(s *smtptest.Session) { s.Greet(); s.Hang() }, mail.Retry},
		"RCPT":     {func(s *smtptest.Session) { s.Greet("PIPELINING"); s.ReadLine(); s.Reply("250 ok"); s.Hang() }, mail.Retry},
		"DATA": {func(s *smtptest.Session) {
			s.Greet()
			s.ReadLine()
			s.Reply("250 ok")
			s.ReadLine()
			s.Reply("250 ok")
			s.Hang()
		}, mail.Retry},
		"dot":     {func(s *smtptest.Session) { s.Greet(); s.AcceptEnvelope(); s.Hang() }, mail.Unknown},
		"trickle": {func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Trickle("250 a long answer, one byte at a time") }, mail.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { c.serve(s) }))
			cfg.Timeouts = Timeouts{Connect: quick, Command: quick, Data: quick, Final: quick}
			if c.verdict == mail.Unknown { // the phases before have time
				cfg.Timeouts.Connect, cfg.Timeouts.Command, cfg.Timeouts.Data = time.Minute, time.Minute, time.Minute
			}
			s := newRelay(t, cfg)
			within(t, 10*time.Second, func() {
				wantVerdict(t, sendError(t, s, envelope(1)), c.verdict, "timeout", 0)
			})
		})
	}
}

// TestStalledBody: a relay that stops reading a large message.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { s.Greet(); s.AcceptEnvelope(); <-stop }))
	t.Cleanup(func() { close(stop) }) // before the listener's cleanup waits
	cfg.Timeouts.Data = quick
	big := envelope(1)
	big.Data = append(big.Data, []byte(strings.Repeat("0123456789abcdef\r\n", 2<<20))...)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := newRelay(t, cfg).Send(ctx, big)
	wantVerdict(t, asSendError(t, err), mail.Retry, "timeout", 0)
}

// TestConnectionClosedInBody: the relay hangs up in the middle and had said why.
func TestConnectionClosedInBody(t *testing.T) {
	t.Parallel()
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet()
		s.AcceptEnvelope()
		s.Reply("552 5.3.4 message too large")
		for range 2000 {
			s.ReadLine()
		}
	}))
	big := envelope(1)
	big.Data = append(big.Data, []byte(strings.Repeat("0123456789abcdef\r\n", 2<<20))...)
	got := sendError(t, newRelay(t, cfg), big)
	if got.Verdict == mail.Unknown {
		t.Fatalf("the final dot was never sent, yet the verdict is %v", got)
	}
	if got.Code != 0 && got.Verdict != mail.Dead { // the kernel may drop the reply with the connection
		t.Fatalf("552 must be final: %+v", got)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve   func(s *smtptest.Session, reached func())
		verdict mail.Verdict
	}{
		"before the dot": {func(s *smtptest.Session, reached func()) { s.Greet(); s.ReadLine(); reached(); s.Hang() }, mail.Retry},
		"after the dot": {func(s *smtptest.Session, reached func()) {
			s.Greet()
			s.AcceptEnvelope()
			s.ReadData()
			reached()
			s.Hang()
		}, mail.Unknown},
		"in the dial": {func(s *smtptest.Session, reached func()) { reached(); s.Hang() }, mail.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s := newRelay(t, relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { c.serve(s, cancel) })))
			within(t, 20*time.Second, func() {
				_, err := s.Send(ctx, envelope(1))
				wantVerdict(t, asSendError(t, err), c.verdict, "timeout", 0)
			})
		})
	}
}

// TestHugeReply: long lines are cut, endless replies refused.
func TestHugeReply(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 20_000)
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet()
		s.AcceptEnvelope()
		s.ReadData()
		s.Reply("250 2.0.0 queued as 4X " + long)
		s.ReadLine()
		for range 1000 {
			s.Reply("250-" + long)
		}
		s.Hang()
	}))
	s := newRelay(t, cfg)
	if r := send(t, s, envelope(1)); !strings.HasPrefix(r.Reply, "queued as 4X xxx") || len(r.Reply) > maxReplyText {
		t.Fatalf("reply of %d bytes: %.40q", len(r.Reply), r.Reply)
	}
	wantVerdict(t, sendError(t, s, envelope(2)), mail.Retry, "mail_from", 0)
}
