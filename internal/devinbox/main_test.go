package devinbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs an inbox on ports of its own until the test ends.
func start(t *testing.T, o Options) *Inbox {
	t.Helper()
	o.SMTPAddr, o.HTTPAddr = "127.0.0.1:0", "127.0.0.1:0"
	i, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return i
}

// send delivers a message over SMTP.
func send(t *testing.T, i *Inbox, message string, to ...string) {
	t.Helper()
	if err := trySend(i, message, to...); err != nil {
		t.Fatal(err)
	}
}

func trySend(i *Inbox, message string, to ...string) error {
	message = strings.ReplaceAll(message, "\n", "\r\n")
	return smtp.SendMail(i.SMTPAddr(), nil, "shop@shop.example", to, []byte(message))
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a request; edit may change it.
func call(t *testing.T, i *Inbox, method, path string, edit ...func(*http.Request)) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(i.URL(), "/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range edit {
		f(r)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

type listed struct {
	Version  int64     `json:"version"`
	Messages []summary `json:"messages"`
}

func list(t *testing.T, i *Inbox, query string) listed {
	t.Helper()
	var l listed
	get(t, i, "/api/messages"+query, &l)
	return l
}

func get(t *testing.T, i *Inbox, path string, into any) {
	t.Helper()
	a := call(t, i, http.MethodGet, path)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d %s %s", path, a.status, a.header.Get("Content-Type"), a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatal(err)
	}
}

func wantIn(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

func wantNotIn(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, u := range unwanted {
		if strings.Contains(text, u) {
			t.Errorf("%q is in:\n%s", u, text)
		}
	}
}
