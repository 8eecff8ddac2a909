package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sespan/internal/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const quick = 200 * time.Millisecond // a phase's time where the server hangs in it

// relayAt is the configuration of a test relay, with no TLS and the same time for each
// phase, which no test waits for.
func relayAt(t *testing.T, address string) Config {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Host: host, Port: port, TLS: None, Connections: 2,
		Timeouts: Timeouts{Connect: time.Minute, Command: time.Minute, Data: time.Minute, Final: time.Minute},
	}
}

func newRelay(t *testing.T, cfg Config) *Relay {
	t.Helper()
	s, err := NewRelay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func envelope(n int) mail.Envelope {
	body := fmt.Sprintf("From: a@shop.example\r\nTo: b@shop.example\r\nSubject: %d\r\n\r\nmail %d\r\n.\r\nend\r\n", n, n)
	return mail.Envelope{From: "a@shop.example", Recipient: "b@shop.example", Data: []byte(body)}
}

// send fails the test if the mail is not taken.
func send(t *testing.T, s *Relay, e mail.Envelope) mail.Receipt {
	t.Helper()
	r, err := s.Send(t.Context(), e)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	return r
}

// sendError gives the failure of a mail that must not be taken.
func sendError(t *testing.T, s *Relay, e mail.Envelope) *mail.SendError {
	t.Helper()
	_, err := s.Send(t.Context(), e)
	return asSendError(t, err)
}

func asSendError(t *testing.T, err error) *mail.SendError {
	t.Helper()
	var failed *mail.SendError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v (%T), want a *mail.SendError", err, err)
	}
	return failed
}

func wantVerdict(t *testing.T, got *mail.SendError, verdict mail.Verdict, reason string, code int) {
	t.Helper()
	if got.Verdict != verdict || got.Reason != reason || got.Code != code {
		t.Fatalf("got %s/%s/%d (%v), want %s/%s/%d", got.Verdict, got.Reason, got.Code, got, verdict, reason, code)
	}
}

// within fails if f takes longer than the bound.
func within(t *testing.T, bound time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took > bound {
		t.Fatalf("took %s, bound %s", took, bound)
	}
}

func mustParse(t *testing.T, raw string) Config {
	t.Helper()
	c, err := ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func noSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) || strings.Contains(text, url.QueryEscape(s)) {
			t.Fatalf("%q shows the secret %q", text, s)
		}
	}
}
