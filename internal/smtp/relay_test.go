package smtp

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// TestMessageArrivesAsItIs: dots, lone CR and LF, 8-bit, no line end at the end.
func TestMessageArrivesAsItIs(t *testing.T) {
	t.Parallel()
	s := smtptest.NewServer(t, smtptest.Options{})
	sender := newRelay(t, relayAt(t, s.Address))
	for given, want := range map[string]string{
		"Subject: x\r\n\r\nplain\r\n":                              "Subject: x\r\n\r\nplain\r\n",
		"Subject: x\r\n\r\n.\r\n..\r\n.a":                          "Subject: x\r\n\r\n.\r\n..\r\n.a\r\n",
		"Subject: x\n\nlone\nfeeds\n":                              "Subject: x\r\n\r\nlone\r\nfeeds\r\n",
		"Subject: x\r\n\r\na\r.\rb\r\n":                            "Subject: x\r\n\r\na\r\n.\r\nb\r\n",
		"Subject: x\r\n\r\na\n.\nMAIL FROM:<e>\n":                  "Subject: x\r\n\r\na\r\n.\r\nMAIL FROM:<e>\r\n",
		"Subject: x\r\n\r\na\r\n.\rb":                              "Subject: x\r\n\r\na\r\n.\r\nb\r\n",
		"Subject: x\r\n\r\n" + strings.Repeat("Größe\r\n", 40_000): "Subject: x\r\n\r\n" + strings.Repeat("Größe\r\n", 40_000),
	} {
		before := len(s.Received())
		send(t, sender, mail.Envelope{From: "a@b.co", Recipient: "c@d.co", Data: []byte(given)})
		got := s.Received()[before:]
		if len(got) != 1 || got[0].Data != want || got[0].From != "a@b.co" || got[0].To != "c@d.co" {
			t.Fatalf("%.60q became %d mails: %.300s", given, len(got), fmt.Sprint(got))
		}
	}
}

// TestSMTPUTF8 is asked for only where an address or a header field needs it.
func TestSMTPUTF8(t *testing.T) {
	t.Parallel()
	able, unable := smtptest.NewServer(t, smtptest.Options{Extensions: append(smtptest.DefaultExtensions(), "SMTPUTF8")}), smtptest.NewServer(t, smtptest.Options{})
	sender := newRelay(t, relayAt(t, able.Address))
	send(t, sender, envelope(1))
	beyond := envelope(2)
	beyond.Recipient = "jürgen@shop.example"
	send(t, sender, beyond)
	header := envelope(3)
	header.Data = []byte("To: jürgen@shop.example\r\n\r\nx\r\n")
	send(t, sender, header)
	body := envelope(4)
	body.Data = []byte("To: j@shop.example\r\n\r\nGröße\r\n")
	send(t, sender, body)
	domain := envelope(5)
	domain.Recipient = "j@bücher.example"
	send(t, sender, domain)
	if to := able.Received()[4].To; to != "j@xn--bcher-kva.example" {
		t.Errorf("recipient %q", to)
	}
	for i, want := range []bool{false, true, true, false, false} {
		if got := able.Received()[i].UTF8; got != want {
			t.Errorf("mail %d: SMTPUTF8 %v, want %v", i+1, got, want)
		}
	}
	got := sendError(t, newRelay(t, relayAt(t, unable.Address)), beyond)
	wantVerdict(t, got, mail.Dead, "composed", 0)
}

// TestHostileEnvelope: nothing of it reaches the relay.
func TestHostileEnvelope(t *testing.T) {
	t.Parallel()
	s := smtptest.NewServer(t, smtptest.Options{})
	sender := newRelay(t, relayAt(t, s.Address))
	data := []byte("Subject: x\r\n\r\nx\r\n")
	for _, e := range []mail.Envelope{
		{From: "", Recipient: "c@d.co", Data: data},
		{From: "a@b.co", Recipient: "", Data: data},
		{From: "a@b.co", Recipient: "c@d.co"},
		{From: "a@b.co>\r\nRCPT TO:<x@y.co", Recipient: "c@d.co", Data: data},
		{From: "a@b.co", Recipient: "c@d.co\nDATA", Data: data},
		{From: "a@b.co", Recipient: "c@d.co> NOTIFY=NEVER", Data: data},
		{From: "a@b.co", Recipient: "c@d.co SIZE=1", Data: data},
		{From: "a@b.co", Recipient: "c\x00@d.co", Data: data},
		{From: "a@b.co", Recipient: "\xff@d.co", Data: data},
		{From: "a@b.co", Recipient: "nobody", Data: data},
		{From: "a@b.co", Recipient: strings.Repeat("c", 400) + "@d.co", Data: data},
	} {
		wantVerdict(t, sendError(t, sender, e), mail.Dead, "composed", 0)
	}
	if n := len(s.Received()); n != 0 {
		t.Fatalf("%d mails arrived", n)
	}
}

func TestRelayDown(t *testing.T) {
	t.Parallel()
	s := newRelay(t, relayAt(t, nowhere))
	wantVerdict(t, sendError(t, s, envelope(1)), mail.Retry, "connect", 0)
	if err := s.Check(t.Context()); err == nil {
		t.Fatal("Check finds a relay where none is")
	}
}

// TestCheck asks the relay itself, over a kept connection where there is one.
func TestCheck(t *testing.T) {
	t.Parallel()
	var dials, noops atomic.Int32
	cfg := relayAt(t, smtptest.Script(t, func(n int, s *smtptest.Session) {
		dials.Add(1)
		s.Greet()
		for n == 1 && s.Expect("NOOP") {
			s.Reply("250 ok")
			if noops.Add(1) == 2 {
				return // the relay restarts: the third Check must not take its end for a failure
			}
		}
		s.AcceptAll(ignore)
	}))
	s := newRelay(t, cfg)
	for range 4 {
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if dials.Load() != 2 || noops.Load() != 2 {
		t.Fatalf("%d connections, %d NOOP on the first; want 2 and 2", dials.Load(), noops.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantVerdict(t, asSendError(t, s.Check(ctx)), mail.Retry, "timeout", 0)
}
