package cli

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sespan/internal/config"
	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/docscommands"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/devtools/testbed"
	"sespan/internal/mailevent"
)

// keysSite is a service in use, whose keys docs/runbooks/Keys.md rotates.
type keysSite struct {
	t          *testing.T
	dir        string
	http, live string // addresses of the ports
	parts      string // of serve
	inbox      *smtptest.Server
	served     *exec.Cmd
	service    string // a service key
	challenge  string
	signing    map[string]ed25519.PrivateKey // by kid
}

func newKeysSite(t *testing.T) *keysSite {
	t.Helper()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	db.Exec(t, `INSERT INTO public.auth_user (username, email) VALUES ('budi', 'budi@example.com')`)
	s := &keysSite{t: t, dir: t.TempDir(), parts: "api,maintenance", inbox: smtptest.NewServer(t, smtptest.Options{}), signing: map[string]ed25519.PrivateKey{}}
	if err := testbed.Build(t.Context(), filepath.Join(s.dir, "bin", "sespan")); err != nil {
		t.Fatal(err)
	}
	s.http, s.live = fmt.Sprintf("127.0.0.1:%d", devdb.FreePort(0)), fmt.Sprintf("127.0.0.1:%d", devdb.FreePort(0))
	s.publish("older")
	mustCommand(t, "init", "--dsn="+db.URL, "--role-prefix=k"+strings.ToLower(rand.Text())+"_", "--env-file="+s.path("sespan.env"), "--jwks="+s.path("jwks.json"),
		"--smtp-url=smtp://"+s.inbox.Address+"?tls=none", "--mail-from=shop@shop.example", "--site-url=http://127.0.0.1:8000")
	settings, err := os.OpenFile(s.path("sespan.env"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(settings, "SESPAN_HTTP_ADDR=%s\nSESPAN_ADMIN_ADDR=%s\n", s.http, s.live)
	if err := settings.Close(); err != nil {
		t.Fatal(err)
	}
	s.service = strings.TrimSpace(mustCommand(t, "keys", "create", "--env-file="+s.path("sespan.env"), "--role=service", "--name=test"))
	t.Cleanup(s.stop)
	return s
}

func (s *keysSite) path(name string) string { return filepath.Join(s.dir, name) }

func (s *keysSite) environment() []string {
	return append(os.Environ(), "PATH="+s.path("bin")+":"+os.Getenv("PATH"), "SESPAN_RUN="+s.parts)
}

func (s *keysSite) stop() {
	if s.served != nil {
		_ = s.served.Process.Signal(syscall.SIGTERM)
		_ = s.served.Wait()
		s.served = nil
	}
}

func (s *keysSite) restart() {
	s.t.Helper()
	s.stop()
	log := &bytes.Buffer{}
	s.served = exec.Command(s.path("bin/sespan"), "serve", "--env-file", s.path("sespan.env"))
	s.served.Env, s.served.Stdout, s.served.Stderr = s.environment(), log, log
	if err := s.served.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.until("serve is ready", func() bool {
		res, err := http.Get("http://" + s.live + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (s *keysSite) until(what string, reached func() bool) {
	s.t.Helper()
	if err := poll.Until(s.t.Context(), 20*time.Millisecond, func() (bool, error) { return reached(), nil }); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// call makes a call and gives its status and the answer.
func (s *keysSite) call(path, header, credential string, body []byte) (status int, answer map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.http+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(header, credential)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	_ = json.Unmarshal(raw, &answer)
	return res.StatusCode, answer
}

func (s *keysSite) want(what string, got, want int) {
	s.t.Helper()
	if got != want {
		s.t.Fatalf("%s: status %d, want %d", what, got, want)
	}
}

// askForCode leaves a code of the key in front, and its sealed mail in the queue.
func (s *keysSite) askForCode() {
	s.restart()
	status, answer := s.call("/v1/otp", "Authorization", "Bearer "+s.service, []byte(`{"email":"budi@example.com","purpose":"login"}`))
	s.want("a code", status, http.StatusAccepted)
	s.challenge, _ = answer["challenge_id"].(string)
	s.until("seeds are made", func() bool { return strings.Contains(s.secretKeys(), "8") })
}

func (s *keysSite) secretKeys() string {
	out, _, _ := command(s.t, "secret-keys", "--env-file="+s.path("sespan.env"))
	return out
}

func (s *keysSite) withoutOlder() {
	values, err := config.EnvFile(s.path("sespan.env")).Read()
	if err != nil {
		s.t.Fatal(err)
	}
	_, second, _ := strings.Cut(values["SESPAN_SECRET_KEYS"], ",")
	out, messages, err := command(s.t, "serve", "--env-file="+s.path("sespan.env"), "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--secret-keys="+second)
	if err == nil || !strings.Contains(err.Error(), "lacks the key 1") {
		s.t.Fatalf("serve without the key: %v\n%s%s", err, out, messages)
	}
}

// typeCode lets the mail out that was sealed before the rotation, and types its code.
func (s *keysSite) typeCode() {
	s.parts = "api,mail,maintenance"
	s.restart()
	s.until("the mail arrives", func() bool { return len(s.inbox.Received()) > 0 })
	code := regexp.MustCompile(`\b\d{3}[ -]?\d{3}\b`).FindString(s.inbox.Received()[0].Data[strings.Index(s.inbox.Received()[0].Data, "\n\n")+1:])
	status, answer := s.call("/v1/otp/"+s.challenge+"/verify", "Authorization", "Bearer "+s.service, []byte(`{"otp_number":"`+code+`"}`))
	if status != http.StatusOK {
		s.t.Fatalf("the code %q of the key before: %d %v\n%s", code, status, answer, s.inbox.Received()[0].Data)
	}
	s.until("the older key may go", func() bool { return strings.Contains(s.secretKeys(), "may go") })
}

// publish makes a key where it is new and writes a JWKS of these.
func (s *keysSite) publish(kids ...string) {
	var keys []string
	for _, kid := range kids {
		if s.signing[kid] == nil {
			_, s.signing[kid], _ = ed25519.GenerateKey(rand.Reader)
		}
		public := base64.RawURLEncoding.EncodeToString(s.signing[kid].Public().(ed25519.PublicKey)) //nolint:forcetypeassert // it is one
		keys = append(keys, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"use":"sig","alg":"EdDSA","x":%q}`, kid, public))
	}
	if err := os.WriteFile(s.path("jwks.json"), []byte(`{"keys":[`+strings.Join(keys, ",")+`]}`), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// draw asks for a draw with a customer token of that key.
func (s *keysSite) draw(kid string) int {
	now := time.Now().Unix()
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q}`, kid)) + "." +
		encode(fmt.Appendf(nil, `{"aud":"sespan","sub":"1","iat":%d,"exp":%d,"order_ref":"A-1","amount":"150000.00"}`, now, now+600))
	status, _ := s.call("/v1/transactions", "Authorization", "Bearer "+input+"."+encode(ed25519.Sign(s.signing[kid], []byte(input))),
		[]byte(`{"order_ref":"A-1","transaction_amount":"150000.00"}`))
	return status
}

// event sends a delivery event that a source of this id signs.
func (s *keysSite) event(keys mailevent.Keys, id string) int {
	body := []byte(`{"events":[{"event_id":"` + id + `","kind":"delivered","recipient":"a@b.co","message_id":"1","occurred_at":"` + time.Now().UTC().Format(time.RFC3339) + `"}]}`)
	status, _ := s.call("/v1/mail/events", "Sespan-Signature", keys.Sign(id, time.Now(), body), body)
	return status
}

func TestTheRunbookOfKeysLosesNothing(t *testing.T) {
	t.Parallel()
	s := newKeysSite(t)
	var sources mailevent.Keys
	page := "../../docs/runbooks/Keys.md"
	steps, err := docscommands.Read(page)
	if err != nil {
		t.Fatal(err)
	}
	shell := &docscommands.Shell{Dir: s.dir, Env: s.environment(), Prepare: map[string]func(){
		"restart": s.restart, "a code waits in the queue": s.askForCode, "without the older key serve does not start": s.withoutOlder,
		"the mail arrives and its code is accepted": s.typeCode,
		"the site publishes both keys":              func() { s.publish("newer", "older") },
		"tokens of both keys are accepted": func() {
			s.want("a new order", s.draw("older"), http.StatusCreated)
			s.until("the same order with the newer key", func() bool { return s.draw("newer") == http.StatusOK })
			s.want("the older key", s.draw("older"), http.StatusOK)
		},
		"the older key is withdrawn": func() { s.publish("newer") },
		"a token of the older key is refused": func() {
			s.want("the older key", s.draw("older"), http.StatusUnauthorized)
			s.want("the newer key", s.draw("newer"), http.StatusOK)
		},
		"events of both keys are accepted": func() {
			values, err := config.EnvFile(s.path("sespan.env")).Read()
			keys, parseErr := mailevent.ParseKeys(values["SESPAN_MAIL_EVENT_KEYS"])
			if err = errors.Join(err, parseErr); err != nil || len(keys) != 2 {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
			sources = keys
			s.want("relay-1", s.event(keys, "relay-1"), http.StatusOK)
			s.want("relay-2", s.event(keys, "relay-2"), http.StatusOK)
		},
		"an event of the older key is refused": func() {
			s.want("relay-1", s.event(sources, "relay-1"), http.StatusUnauthorized)
			s.want("relay-2", s.event(sources, "relay-2"), http.StatusOK)
		},
		"both service keys are accepted": func() {
			for _, file := range []string{"shop.key", "shop.key.new"} {
				key, err := os.ReadFile(s.path(file))
				if err != nil {
					t.Fatal(err)
				}
				status, _ := s.call("/v1/logins", "Authorization", "Bearer "+strings.TrimSpace(string(key)), []byte(`{"username":"budi","outcome":"success","ip":"192.0.2.7","user_agent":"x"}`))
				s.want(file, status, http.StatusCreated)
			}
		},
	}}
	t.Cleanup(shell.Close)
	if err := shell.Run(t.Context(), steps); err != nil {
		t.Fatalf("%s: %v", page, err)
	}
}
