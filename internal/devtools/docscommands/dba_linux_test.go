package docscommands

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
)

// Every command of the DBA's page works as it stands there, in its order, and prints what
// the page shows.
func TestDBAPage(t *testing.T) {
	t.Parallel()
	steps, err := Read(filepath.Join(root, "docs/dba.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	d := &drill{site: s, held: make(chan struct{})}
	t.Cleanup(d.release)
	s.Prepare = map[string]func(){
		"the site's public keys": s.withoutKeys,
		"serve":                  func() { s.startServe("sespan.env") },
		"serve on the copy":      func() { s.startServe("restored.env") },
		"serve ends":             s.stopServe,
		"the worker listens":     func() { s.until(s.admin, "the worker listens", "count(*) = 1 FROM sespan.mail_worker WHERE listening") },
		"mails are sent": func() {
			s.until(s.admin, "mails are sent", "count(*) = 0 FROM sespan.mail_queue WHERE state IN ('queued', 'sending')")
		},
		"the pooler":           s.pooler,
		"the standby":          s.standby,
		"codes and mails":      d.before,
		"the original goes on": d.after,
		"the copy works":       d.check,
		"nothing is left":      s.nothingLeft,
	}
	began := time.Now()
	s.Begins = func(step Step) {
		t.Logf("%5.1f s  line %d %s %s", time.Since(began).Seconds(), step.Line, step.Language, step.Prepare)
	}
	if err := s.Run(t.Context(), steps); err != nil {
		t.Fatalf("docs/dba.md, %v", err)
	}
	if !d.checked {
		t.Error("the restore drill was not checked")
	}
	commands := 0
	for _, step := range steps {
		list, _ := step.Commands()
		commands += len(list)
	}
	t.Logf("%d steps, %d commands", len(steps), commands)
}

// withoutKeys leaves out what the site's developers make.
func (s *site) withoutKeys() {
	path := filepath.Join(s.Dir, "sespan.env")
	raw, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("sespan.env", regexp.MustCompile(`(?m)^SESPAN_JWKS=.*\n`).ReplaceAllString(string(raw), ""))
}

// nothingLeft looks at what uninstalling has left, and that the site goes on.
func (s *site) nothingLeft() {
	s.until(s.admin, "schema and roles are gone", `(SELECT count(*) = 0 FROM pg_namespace WHERE nspname = 'sespan')
		AND (SELECT count(*) = 0 FROM pg_roles WHERE rolname LIKE 'sespan%') AND (SELECT count(*) = 0 FROM pg_trigger WHERE tgrelid = 'public.auth_user'::regclass AND NOT tgisinternal)
		AND (SELECT relacl IS NULL OR array_length(relacl, 1) = 1 FROM pg_class WHERE oid = 'public.auth_user'::regclass)
		AND (SELECT count(*) = 0 FROM pg_attribute WHERE attrelid = 'public.auth_user'::regclass AND attacl IS NOT NULL)
		AND (SELECT count(*) = 0 FROM pg_default_acl)`)
	s.exec(s.admin, "SET ROLE shop; UPDATE public.auth_user SET is_active = false; DELETE FROM public.auth_user; ALTER TABLE public.auth_user ALTER COLUMN email TYPE varchar(254)")
}

// drill is the restore drill: what the backup holds, what the original does afterwards,
// and what the copy must not do.
type drill struct {
	*site
	held      chan struct{} // closed when the mail server answers again
	once      sync.Once
	challenge string
	code      string
	checked   bool
}

// release lets the mail server answer.
func (d *drill) release() { d.once.Do(func() { close(d.held) }) }

func (d *drill) enqueue(arguments string) {
	d.exec(d.admin, "SELECT sespan.mail_enqueue("+arguments+", body_text => 'x')")
}

// before the dump a code is alive, a mail is with the mail server, and others wait.
func (d *drill) before() {
	d.t.Helper()
	var issued struct {
		ChallengeID string `json:"challenge_id"`
	}
	if status := d.call("/v1/otp", map[string]any{"customer_id": 1, "purpose": "login"}, &issued); status != http.StatusAccepted {
		d.t.Fatalf("a code is asked for: %d", status)
	}
	d.challenge = issued.ChallengeID
	d.until(d.admin, "the code is sent", "count(*) = 0 FROM sespan.mail_queue WHERE state IN ('queued', 'sending')")
	for _, m := range d.mails.Received() {
		if found := regexp.MustCompile(`#code=3?D?([0-9]{6})`).FindStringSubmatch(strings.ReplaceAll(m.Data, "=\r\n", "")); found != nil {
			d.code = found[1]
		}
	}
	if d.code == "" {
		d.t.Fatal("no code in the mails")
	}
	// The mail server takes the next mails but does not answer until the dump is there.
	d.mails.Change(func(o *smtptest.Options) {
		o.Fault = func(turn smtptest.Turn) smtptest.Fault {
			if turn.Phase == smtptest.EndOfData {
				<-d.held
			}
			return ""
		}
	})
	for range 5 { // four connections, and one that has to wait
		d.enqueue("recipient => 'budi@example.com', subject => 'sent after the dump'")
	}
	d.until(d.admin, "mails are with the server", "count(*) >= 4 FROM sespan.mail_queue WHERE state = 'sending'")
	d.enqueue("recipient => 'budi@example.com', subject => 'tomorrow', send_at => now() + interval '1 day'")
}

// after the dump the original sends what the dump holds.
func (d *drill) after() {
	d.t.Helper()
	d.release()
	d.mails.Change(func(o *smtptest.Options) { o.Fault = nil })
	d.until(d.admin, "the original has sent all", "count(*) = 0 FROM sespan.mail_queue WHERE state <> 'scheduled'")
	if n := d.sent("sent after the dump"); n != 5 {
		d.t.Fatalf("the original has sent %d mails, want 5", n)
	}
}

// check looks at the copy, on which the service works: no code of the backup is taken, no
// mail of it goes out, and new ones do.
func (d *drill) check() {
	d.t.Helper()
	d.checked = true
	restored := d.server.URL("shop_restored")
	var problem struct{ Type string }
	if status := d.call("/v1/otp/"+d.challenge+"/verify", map[string]any{"otp_number": d.code}, &problem); status != http.StatusGone || !strings.HasSuffix(problem.Type, "otp-expired") {
		d.t.Errorf("a code of the backup: %d %s", status, problem.Type)
	}
	d.exec(restored, "SELECT sespan.mail_enqueue(recipient => 'ani@example.com', subject => 'of the copy', body_text => 'x')")
	d.until(restored, "the copy sends what is its own", "count(*) = 0 FROM sespan.mail_queue WHERE state IN ('queued', 'sending')")
	if n := d.sent("of the copy"); n != 1 {
		d.t.Errorf("the copy has sent %d mails of its own, want 1", n)
	}
	if n := d.sent("sent after the dump"); n != 5 {
		d.t.Errorf("mails of the backup were sent again: %d, want 5", n)
	}
}

// call asks the service as the site does.
func (d *drill) call(path string, body, answer any) int {
	d.t.Helper()
	key, err := os.ReadFile(filepath.Join(d.Dir, "sespan.key"))
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, "http://"+d.Places["127.0.0.1:8080"]+path, bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		d.t.Fatalf("%s: %v\n%s", path, err, text)
	}
	return res.StatusCode
}
