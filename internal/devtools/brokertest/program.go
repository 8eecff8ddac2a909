package brokertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/devtools/testbed"
)

// Program is `sespan` as a site runs it: the binary of this tree, a database, a mail server.
// The tests of a package share one, which the first that asks makes; Close it after them.
type Program struct {
	once sync.Once
	dir  string
	env  *testbed.Env
	sink *smtptest.Sink
	err  error

	mu       sync.Mutex
	received map[string]bool // recipients
}

// Env is the site.
func (p *Program) Env(tb testing.TB) *testbed.Env {
	tb.Helper()
	p.once.Do(func() { p.err = p.start(context.Background()) })
	if p.err != nil {
		tb.Fatal(p.err)
	}
	return p.env
}

func (p *Program) start(ctx context.Context) (err error) {
	p.received = map[string]bool{}
	if p.dir, err = os.MkdirTemp("", "sespan-program-"); err != nil {
		return err
	}
	binary := filepath.Join(p.dir, "sespan")
	if err := testbed.Build(ctx, binary); err != nil {
		return err
	}
	if p.sink, err = smtptest.ListenSink(ctx, smtptest.SinkOptions{OnReceived: p.receive}); err != nil {
		return err
	}
	p.env, err = testbed.New(ctx, testbed.Options{Out: io.Discard, Binary: binary})
	return err
}

func (p *Program) receive(recipient string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received[recipient] = true
}

// Close ends what was made.
func (p *Program) Close() {
	http.DefaultClient.CloseIdleConnections()
	if p.env != nil {
		p.env.Close()
	}
	if p.sink != nil {
		p.sink.Close()
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

const programPatience = 60 * time.Second

// mailing adds the mail server to settings.
func (p *Program) mailing(settings []string) []string {
	return append(slices.Clone(settings), "SESPAN_SMTP_URL=smtp://"+p.sink.Address+"?tls=none")
}

// Refuses insists that serve ends at its start with one line that says all of this and ends
// with a mend, and that the doctor finds the same.
func (p *Program) Refuses(t *testing.T, settings, says []string) {
	t.Helper()
	env := p.Env(t)
	ctx, cancel := context.WithTimeout(t.Context(), programPatience)
	defer cancel()
	_, messages, code := env.Run(ctx, settings, "serve", "--run=announce")
	var lines []string
	for line := range strings.Lines(messages) {
		if line, ours := strings.CutPrefix(strings.TrimSpace(line), "sespan: "); ours {
			lines = append(lines, line)
		}
	}
	if code != 1 && code != 2 || len(lines) != 1 {
		t.Fatalf("serve ends with %d and says\n%s", code, messages)
	}
	t.Log(lines[0])
	holds(t, "serve", lines[0], append(says, "; "))
	if state, text := p.doctor(t, settings); state != "wrong" {
		t.Errorf("the doctor finds it %s: %s", state, text)
	} else {
		holds(t, "the doctor", text, says)
	}
}

// Fits insists that the doctor finds nothing wrong with a broker.
func (p *Program) Fits(t *testing.T, settings, says []string) {
	t.Helper()
	state, text := p.doctor(t, settings)
	if state != "ok" {
		t.Errorf("the doctor finds it %s", state)
	}
	holds(t, "the doctor", text, says)
}

// Degrades insists that a service goes on that has begun with a good broker, or with one that is
// away, while readyz says what is wrong with it, and that mail goes by the fallback. breaks and mends
// may be nil.
func (p *Program) Degrades(t *testing.T, settings, says []string, breaks, mends func()) {
	t.Helper()
	env := p.Env(t)
	s, err := env.Serve(t.Context(), "announce,mail", p.mailing(settings)...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if breaks != nil {
		p.ready(t, s, []string{`"broker":"ok"`})
		breaks()
	}
	page := p.ready(t, s, append(says, `"status":"degraded"`, "SESPAN_BROKER_URL"))
	t.Log(page)
	recipient := fmt.Sprintf("%s@example.com", strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(t.Name())))
	if _, err := env.Admin.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => $1::text, subject => 'x', body_text => 'x', priority => 1::smallint)", recipient); err != nil {
		t.Fatal(err)
	}
	within(t, "the mail arrives by the fallback", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.received[recipient]
	})
	if mends != nil {
		mends()
		p.ready(t, s, []string{`"broker":"ok"`})
	}
}

// ready waits until readyz says all of this.
func (*Program) ready(t *testing.T, s *testbed.Service, says []string) (page string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("readyz: %s\nlog: %s", page, s.Log)
		}
	}()
	within(t, fmt.Sprint("readyz says ", says), func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Admin+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		page = string(text)
		return len(missing(page, says)) == 0
	})
	return page
}

// doctor gives what it finds of the broker first: the state, and the text with the mend.
func (p *Program) doctor(t *testing.T, settings []string) (state, text string) {
	t.Helper()
	env := p.Env(t)
	ctx, cancel := context.WithTimeout(t.Context(), programPatience)
	defer cancel()
	out, messages, _ := env.Run(ctx, p.mailing(settings), "doctor", "--json")
	var diagnosis struct {
		Checks []struct{ Name, State, Text, Mend string }
	}
	if err := json.Unmarshal([]byte(out), &diagnosis); err != nil {
		t.Fatalf("the doctor: %v: %s%s", err, out, messages)
	}
	for _, c := range diagnosis.Checks {
		if c.Name == "broker" || c.Name == "settings" && c.State == "wrong" {
			return c.State, c.Text + "; " + c.Mend
		}
	}
	t.Fatalf("the doctor says nothing of a broker: %s", out)
	return "", ""
}

func holds(t *testing.T, who, line string, says []string) {
	t.Helper()
	if m := missing(line, says); len(m) > 0 {
		t.Errorf("%s does not say %q: %s", who, m, line)
	}
	if strings.Contains(line, "secret") {
		t.Errorf("%s tells a secret: %s", who, line)
	}
}

func missing(text string, says []string) (list []string) {
	for _, part := range says {
		if !strings.Contains(text, part) {
			list = append(list, part)
		}
	}
	return list
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programPatience)
	defer cancel()
	if err := poll.Until(ctx, 50*time.Millisecond, func() (bool, error) { return is(), nil }); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
