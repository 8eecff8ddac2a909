package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
)

var secretKey = "1:" + "3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGho="

// exitOf gives the code that main ends with, 0 for none of its own.
func exitOf(err error) int {
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit.Code
	}
	return 0
}

func TestDoctorPrintsGroupsAndWhatToDo(t *testing.T) {
	t.Parallel()
	r := &diagnosis{}
	for _, c := range []struct {
		group, name string
		findings    []finding
	}{
		{"settings", "settings", well("every value is usable")},
		{"mail", "relays", append(well("a takes mail"), wrong("b does not\x1b[2J", "see that it runs")...)},
		{"mail", "spf", warning("none", "publish one")},
		{"mail", "dkim", unchecked("no key", "")},
	} {
		r.add(check{group: c.group, name: c.name}, c.findings)
	}
	r.conclude(1200*time.Millisecond, false)
	var out bytes.Buffer
	r.print(&out)
	const want = `Settings
  ok           settings  every value is usable

Mail
  ok           relays    a takes mail
  WRONG        relays    b does not [2J
                         → see that it runs
  warning      spf       none
                         → publish one
  not checked  dkim      no key

2 ok, 1 warning, 1 wrong, 1 not checked, in 1.2 s
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

// The worst decides; what had no turn is unknown, unless something is wrong already.
func TestDoctorsExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		findings []finding
		late     bool
		status   string
		code     int
	}{
		{well("x"), false, "ok", 0},
		{unchecked("x", ""), false, "ok", 0},
		{append(well("x"), warning("y", "")...), false, "warning", 1},
		{append(warning("x", ""), wrong("y", "")...), false, "wrong", 2},
		{warning("x", ""), true, "unknown", 3},
		{wrong("x", ""), true, "wrong", 2},
	} {
		r := &diagnosis{}
		r.add(check{}, c.findings)
		r.conclude(0, c.late)
		if r.Status != c.status || r.ExitCode != c.code {
			t.Errorf("%v, late %v: %s, %d, want %s, %d", c.findings, c.late, r.Status, r.ExitCode, c.status, c.code)
		}
	}
}

// The names of the JSON are for other programs: they stay.
func TestDoctorsJSON(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, "doctor", "--json", "--run=maintenance", "--secret-keys="+secretKey, "--database-url="+pgtest.NewDB(t).ServiceURL(t))
	if code := exitOf(err); code != exitOK && code != exitWarning { // the tests' server runs no autovacuum
		t.Fatalf("%v\n%s", err, out)
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	var d struct {
		Version  int    `json:"version"`
		Status   string `json:"status"`
		ExitCode int    `json:"exit_code"`
		Summary  struct {
			OK, Warning, Wrong int
			NotChecked         int `json:"not_checked"`
		} `json:"summary"`
		CheckedAt time.Time `json:"checked_at"`
		Seconds   float64   `json:"seconds"`
		Checks    []struct {
			Group, Name, State, Text, Mend string
		} `json:"checks"`
	}
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if d.Version != 1 || d.Status == "" || d.ExitCode != exitOf(err) || d.CheckedAt.IsZero() || d.Seconds <= 0 || len(d.Checks) < len(checks()) ||
		d.Summary.OK+d.Summary.Warning+d.Summary.Wrong+d.Summary.NotChecked != len(d.Checks) {
		t.Errorf("%+v", d)
	}
	for _, c := range d.Checks {
		if c.Group == "" || c.Name == "" || c.Text == "" || strings.HasPrefix(c.Text, "first mend") {
			t.Errorf("%+v", c)
		}
	}
}

// The whole is bounded, whatever a database does.
func TestDoctorEndsInTime(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes connections, and never answers
	begun := time.Now()
	out, _, err := command(t, "doctor", "--timeout=1s", "--run=maintenance", "--secret-keys="+secretKey, "--database-url=postgres://u:p@"+l.Addr().String()+"/x?sslmode=disable")
	if took := time.Since(begun); exitOf(err) != exitWrong || took > 20*time.Second {
		t.Errorf("%v after %s\n%s", err, took, out)
	}
	says(t, out, "Settings", "the time for all checks was over", "→ give more: --timeout")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if r := examineSettings(t).examine(over); r.ExitCode != exitUnknown && r.ExitCode != exitWrong {
		t.Errorf("%+v", r)
	}
	for _, timeout := range []string{"0s", "11m"} {
		if _, _, err := command(t, "doctor", "--timeout="+timeout, "--database-url=x"); err == nil || !strings.HasPrefix(err.Error(), "--timeout is out of its bounds") {
			t.Errorf("%s: %v", timeout, err)
		}
	}
}

func TestDoctorReadsTheSettingsFirst(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, "doctor", "--secret-keys=hidden-pw", "--database-url=postgres://u:p@127.0.0.1:1/x")
	if exitOf(err) != exitWrong || strings.Contains(out, "Database") || strings.Contains(out, "hidden-pw") {
		t.Errorf("%v\n%s", err, out)
	}
	says(t, strings.TrimSpace(lineWith(out, "  settings ")), "WRONG ", "SESPAN_SECRET_KEYS cannot be used")
	// What a part lacks is said, and the rest is looked at all the same.
	out, _, err = command(t, "doctor", "--secret-keys="+secretKey, "--database-url=postgres://u:p@127.0.0.1:1/x")
	if exitOf(err) != exitWrong {
		t.Error(err)
	}
	says(t, strings.TrimSpace(lineWith(out, "  settings ")), "WRONG ", "SESPAN_SMTP_URL is not set")
	says(t, out, "Settings", "Database", "Mail")
}

func TestDoctorFindsWeakKeysAndOpenFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sespan.env")
	if err := os.WriteFile(path, []byte("SESPAN_OTP_LIVETIME=5m\nSESPAN_SECRET_KEYS=1:"+strings.Repeat("A", 43)+"=\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil { // the umask may have taken bits away
		t.Fatal(err)
	}
	out, _, err := command(t, "doctor", "--run=maintenance", "--env-file="+path, "--database-url=postgres://u:p@127.0.0.1:1/x")
	if exitOf(err) != exitWrong {
		t.Error(err)
	}
	says(t, strings.TrimSpace(lineWith(out, "  keys ")), "WRONG ", `weak: key "1" of SESPAN_SECRET_KEYS is one byte 32 times`)
	says(t, strings.TrimSpace(lineWith(out, "  files ")), "warning ", "may be read or written by everybody")
	says(t, strings.TrimSpace(lineWith(out, "  settings ")), "warning ", "SESPAN_OTP_LIVETIME: no setting has this name")
	says(t, out, "Settings", "→ chmod 600 "+path, "openssl rand -base64 32")
}

// The page has a line for every check, and names none that is not there.
func TestDoctorsPageHasEveryCheck(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## What is looked at\n")
	table, _, _ = strings.Cut(table, "\nNames in DNS")
	for _, c := range checks() {
		if !strings.Contains(table, "| "+c.name+" | ") || !strings.Contains(table, "| "+c.group+" | ") {
			t.Errorf("docs/doctor.md has no line for %s of %s", c.name, c.group)
		}
	}
	if rows := strings.Count(table, "\n|") - 2; rows != len(checks()) {
		t.Errorf("docs/doctor.md has %d lines, and there are %d checks", rows, len(checks()))
	}
}
