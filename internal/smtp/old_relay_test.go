package smtp

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// TestAuthOfOldRelays: mechanisms behind AUTH=, as servers before RFC 2554 offer them, alone
// or beside those of today.
func TestAuthOfOldRelays(t *testing.T) {
	t.Parallel()
	for name, extensions := range map[string][]string{
		"alone": {"AUTH=LOGIN PLAIN"}, "beside": {"AUTH=LOGIN PLAIN", "8BITMIME", "AUTH PLAIN"}, "the other way": {"AUTH X-NONE", "auth=PLAIN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 10)
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet(extensions...)
				asked <- s.ReadLine()
				s.Reply("235 2.7.0 ok")
				s.AcceptAll(ignore)
			}))
			cfg.Username, cfg.Password = "shop", "secret"
			send(t, newRelay(t, cfg), envelope(1))
			if got := <-asked; !strings.HasPrefix(got, "AUTH PLAIN ") {
				t.Errorf("asked %q", got)
			}
		})
	}
}

// TestEHLOForTheLibrary has all mechanisms in one line.
func TestEHLOForTheLibrary(t *testing.T) {
	t.Parallel()
	in := "250-host\r\n250-auth=login\r\n250-SMTPUTF8\r\n250-AUTH PLAIN\r\n250 Size 1\r\n"
	if got, want := string(capabilities{}.forLibrary([]byte(in))), "250-HOST\r\n250-AUTH LOGIN PLAIN\r\n250 SIZE 1\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := readReply(bufio.NewReader(strings.NewReader(in)), nil); err != nil {
		t.Error(err)
	}
}

// TestTooManyRecipients: a 552 at RCPT that means 452 is tried again; a full mailbox is not.
func TestTooManyRecipients(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]mail.Verdict{
		"552 5.5.3 Too many recipients": mail.Retry, "552 too many recipients": mail.Retry,
		"552 5.2.2 Mailbox full": mail.Dead, "552 mailbox full": mail.Dead, "550 5.5.3 no": mail.Dead,
	} {
		s := newRelay(t, relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { refuseAt("RCPT", reply)(s) })))
		wantVerdict(t, sendError(t, s, envelope(1)), want, "rcpt_to", map[bool]int{true: 552, false: 550}[strings.HasPrefix(reply, "552")])
	}
	s := newRelay(t, relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { refuseAt("MAIL", "552 5.5.3 no")(s) })))
	wantVerdict(t, sendError(t, s, envelope(1)), mail.Dead, "mail_from", 552)
}

// TestWithoutSMTPUTF8: the recipient whom a relay can serve gets the mail without the addresses
// that it does not take (RFC 6531 section 3.2); one who has such an address does not.
func TestWithoutSMTPUTF8(t *testing.T) {
	t.Parallel()
	full, reduced := "To: a@b.co, jürgen@shop.example\r\n\r\nx\r\n", "To: a@b.co\r\n\r\nx\r\n"
	e := mail.Envelope{From: "shop@b.co", Recipient: "a@b.co", Data: []byte(full), ASCII: func() ([]byte, error) { return []byte(reduced), nil }}
	able := smtptest.NewServer(t, smtptest.Options{Extensions: append(smtptest.DefaultExtensions(), "SMTPUTF8")})
	for _, extensions := range [][]string{smtptest.DefaultExtensions(), {"PIPELINING", "8BITMIME"}, {"8BITMIME"}} {
		unable := smtptest.NewServer(t, smtptest.Options{Extensions: extensions})
		s := newRelay(t, relayAt(t, unable.Address))
		send(t, s, e)
		if got := unable.Received()[0]; got.Data != reduced || got.UTF8 {
			t.Errorf("%v: it got %q", extensions, got.Data)
		}
		other := e
		other.Recipient = "jürgen@shop.example"
		wantVerdict(t, sendError(t, s, other), mail.Dead, "composed", 0)
	}
	send(t, newRelay(t, relayAt(t, able.Address)), e)
	if got := able.Received()[0]; got.Data != full || !got.UTF8 {
		t.Errorf("a relay with SMTPUTF8 got %q", got.Data)
	}
	e.ASCII = func() ([]byte, error) { return nil, errors.New("broken") }
	unable := smtptest.NewServer(t, smtptest.Options{})
	wantVerdict(t, sendError(t, newRelay(t, relayAt(t, unable.Address)), e), mail.Dead, "composed", 0)
}
