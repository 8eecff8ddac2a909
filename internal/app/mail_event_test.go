package app

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mailevent"
)

// sent is a whole service with a relay, and what it takes to sign events for it.
type sent struct {
	*running
	t     *testing.T
	relay *mailServer
	keys  mailevent.Keys
}

func serveMails(t *testing.T) *sent {
	t.Helper()
	const key = "relay-1:MDEyMzQ1Njc4OWFiY2RlZg=="
	keys, err := mailevent.ParseKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	relay := startMailServer(t, smtptest.Options{})
	s := serve(t, "--run=api,mail,maintenance", "--mail-event-keys="+key, "--mail-from=Shop <no-reply@shop.example>", "--smtp-url=smtp://"+relay.Address+"?tls=none")
	return &sent{running: s, t: t, relay: relay, keys: keys}
}

// postEvent posts a signed event and gives the answer.
func (s *sent) postEvent(kind, recipient, messageID string) string {
	s.t.Helper()
	body := fmt.Sprintf(`{"events":[{"event_id":"%s-%s","kind":"%s","recipient":"%s","message_id":"%s","occurred_at":"%s"}]}`,
		kind, recipient, kind, recipient, messageID, time.Now().UTC().Format(time.RFC3339))
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.addr+"/v1/mail/events", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(mailevent.SignatureHeader, s.keys.Sign("relay-1", time.Now(), []byte(body)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(answer)
}

func ended(t *testing.T, db *pgtest.DB, recipient, state string, n int) {
	t.Helper()
	deadline(t, db, fmt.Sprintf("SELECT count(*) = %d FROM sespan.mail_outcome WHERE recipient = '%s' AND state = '%s'", n, recipient, state))
}

// messageID is what the mail that came carries.
func (s *sent) messageID(recipient string) string {
	s.t.Helper()
	m := regexp.MustCompile(`(?i)\r\nmessage-id: (<[^>]+>)`).FindStringSubmatch("\r\n" + s.relay.last(recipient))
	if m == nil {
		s.t.Fatalf("no Message-ID: %.300q", s.relay.last(recipient))
	}
	return m[1]
}

// From the mail that was sent, over the signed event that its relay tells, to the
// next mail, which is not sent: through the service as it runs.
func TestBounceKeepsTheNextMailBack(t *testing.T) {
	t.Parallel()
	s := serveMails(t)
	enqueueTo(t, s.db, "retry", "gone@b.co", "grumpy@b.co")
	ended(t, s.db, "gone@b.co", "sent", 1)
	ended(t, s.db, "grumpy@b.co", "sent", 1)

	if got := s.postEvent("bounce", "never@b.co", s.messageID("gone@b.co")); !strings.Contains(got, `"unmatched"`) {
		t.Errorf("an address that the mail did not go to: %s", got)
	}
	for recipient, kind := range map[string]string{"gone@b.co": "bounce", "grumpy@b.co": "complaint"} {
		if got := s.postEvent(kind, recipient, s.messageID(recipient)); !strings.Contains(got, `"suppressed"`) {
			t.Errorf("%s: %s", kind, got)
		}
	}
	enqueueTo(t, s.db, "retry", "gone@b.co", "grumpy@b.co", "never@b.co")
	ended(t, s.db, "gone@b.co", "suppressed", 1)
	ended(t, s.db, "grumpy@b.co", "suppressed", 1)
	ended(t, s.db, "never@b.co", "sent", 1)

	// A code is asked for by its reader: a complaint does not keep it back, a bounce does.
	for _, recipient := range []string{"gone@b.co", "grumpy@b.co"} {
		if _, err := s.db.Pool.Exec(t.Context(), `SELECT sespan.mail_enqueue(recipient => $1, body_text => 'x', category => 'otp')`, recipient); err != nil {
			t.Fatal(err)
		}
	}
	ended(t, s.db, "grumpy@b.co", "sent", 2)
	ended(t, s.db, "gone@b.co", "suppressed", 2)
}

// The example of docs/mail.md, run as it stands there.
func TestExampleOfASignedEvent(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "mail.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```python\n# relay-event: ")
	example, _, found := strings.Cut("# "+example, "```")
	if !found {
		t.Fatal("docs/mail.md has no example of a signed event")
	}
	s := serveMails(t)
	enqueueTo(t, s.db, "retry", "sari@example.co")
	ended(t, s.db, "sari@example.co", "sent", 1)

	script := filepath.Join(t.TempDir(), "relay-event")
	if err := os.WriteFile(script, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "python3", script, "bounce", "sari@example.co", s.messageID("sari@example.co"), "550 5.1.1 no such user")
	run.Env = append(os.Environ(), "SESPAN=http://"+s.addr, "KEY_ID=relay-1", "KEY="+base64.StdEncoding.EncodeToString([]byte("0123456789abcdef")))
	var messages bytes.Buffer
	run.Stderr = &messages
	answer, err := run.Output()
	if err != nil || !strings.Contains(string(answer), `"result":"suppressed"`) {
		t.Fatalf("%v: %s%s", err, answer, messages.String())
	}
}
