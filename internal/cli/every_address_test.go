package cli

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// parts of the superuser's address.
type parts struct{ user, password, host, port, database string }

func partsOf(t *testing.T, address string) parts {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return parts{u.User.Username(), password, u.Hostname(), u.Port(), strings.TrimPrefix(u.Path, "/")}
}

// addressForms are ways to write one address that libpq knows.
func addressForms(t *testing.T, p parts) map[string]string {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	passfile := file("pgpass", strings.Join([]string{p.host, p.port, p.database, p.user, p.password}, ":")+"\n")
	services := file("services", "[shop]\nhost="+p.host+"\nport="+p.port+"\ndbname="+p.database+"\nuser="+p.user+"\npassword="+p.password+"\n")
	login, at := p.user+":"+p.password, p.host+":"+p.port
	return map[string]string{
		"database in the query":   "postgres://" + login + "@" + at + "?dbname=" + p.database,
		"two hosts":               "postgres://" + login + "@127.0.0.1:1," + at + "/" + p.database,
		"two hosts in the query":  "postgres:///" + p.database + "?host=127.0.0.1," + p.host + "&port=1," + p.port + "&user=" + p.user + "&password=" + p.password,
		"percent-encoded":         "postgresql://" + encoded(p.user) + ":" + encoded(p.password) + "@" + at + "/" + encoded(p.database),
		"passfile":                "postgres://" + p.user + "@" + at + "/" + p.database + "?passfile=" + url.QueryEscape(passfile),
		"service":                 "postgres:///?service=shop&servicefile=" + url.QueryEscape(services),
		"keywords":                "host=" + p.host + " port=" + p.port + " user=" + p.user + " password='" + p.password + "' dbname=" + p.database + " sslmode=disable",
		"sslmode, timeout, other": "postgres://" + login + "@" + at + "/" + p.database + "?sslmode=prefer&connect_timeout=5&application_name=x&target_session_attrs=read-write",
		"what libpq does itself":  "postgres://" + login + "@" + at + "/" + p.database + "?keepalives=1&keepalives_idle=30&tcp_user_timeout=5000&gssencmode=disable&client_encoding=UTF8&load_balance_hosts=disable",
		"a pool's":                "postgres://" + login + "@" + at + "/" + p.database + "?pool_max_conns=3",
		"settings of the session": "postgres://" + login + "@" + at + "/" + p.database + "?options=-c%20work_mem%3D8MB&search_path=public",
	}
}

func encoded(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
	}
	return b.String()
}

// throughAll are the forms that go through every command; one place reads all forms, so the
// others go through one command.
var throughAll = []string{"two hosts in the query", "service", "keywords", "what libpq does itself"}

// Every command takes what serve takes, and init writes settings from which serve comes in.
func TestEveryCommandTakesEveryForm(t *testing.T) { //nolint:tparallel // one site goes through all of them
	t.Parallel()
	s := newTwin(t)
	for name, form := range addressForms(t, partsOf(t, s.URL)) {
		t.Run(name, func(t *testing.T) { // one after the other: they work on one site
			one := *s
			one.address = []string{"--database-url=" + form}
			if slices.Contains(throughAll, name) {
				one.runAll(t)
			} else if _, messages, err := command(t, append([]string{"migrate", "status"}, one.address...)...); err != nil {
				t.Errorf("migrate status: %v\n%s", err, messages)
			}
			address, err := postgres.LoginAddress(form, one.prefix+"serve", partsOf(t, one.logins["serve"]).password)
			if err != nil {
				t.Fatal(err)
			}
			if err := postgres.TryAddress(t.Context(), address); err != nil {
				t.Errorf("serve's address: %v", err)
			}
			if strings.Contains(address, partsOf(t, s.URL).password) || strings.Contains(address, "passfile") {
				t.Errorf("serve's address has what is the superuser's: %s", address)
			}
		})
	}
}

// What serve refuses every command refuses, in a line that names the setting and no secret,
// and nothing is made.
func TestEveryCommandRefusesTheSame(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	p := partsOf(t, db.URL)
	folder := t.TempDir()
	s := &twin{DB: db, env: filepath.Join(folder, "sespan.env")}
	order, runs := s.everyCommand(t)
	const secret = "hunter2"
	for what, address := range map[string]string{
		"another scheme":          "mysql://" + p.user + ":" + secret + "@" + p.host + "/" + p.database,
		"a slash in the password": "postgres://" + p.user + ":x/" + secret + "@" + p.host + "/" + p.database,
		"a hash in the password":  "postgres://" + p.user + ":1#" + secret + "@" + p.host + ":" + p.port + "/" + p.database,
		"a percent sign":          "postgres://" + p.user + ":%" + secret + "@" + p.host + "/" + p.database,
		"a blank in a password":   "host=" + p.host + " port=" + p.port + " user=" + p.user + " password=x " + secret + " dbname=" + p.database,
		"an open quote":           "host=" + p.host + " password='" + secret,
		"sslmode of no kind":      db.URL + "?sslmode=" + "sometimes",
		"a port of no kind":       "postgres://" + p.user + ":x@" + p.host + ":" + secret + "/" + p.database,
		"a parameter of nobody":   db.URL + "?" + secret + "=1",
		"what is not done":        db.URL + "?sslcrl=/" + secret,
		"a wrong password":        "postgres://" + p.user + "x:" + secret + "@" + p.host + ":" + p.port + "/" + p.database,
	} {
		for _, name := range order {
			args := append(strings.Fields(name), "--database-url="+address)
			for _, arg := range runs[name] {
				if !strings.HasPrefix(arg, "--env-file") || name == "init" {
					args = append(args, strings.ReplaceAll(arg, "KEY", "0123456789ab"))
				}
			}
			switch name {
			case "config check", "doctor": // they say more than one thing
				continue
			case "secret-keys":
				args = append(args, "--secret-keys=1:"+strings.Repeat("A", 43)+"=")
			}
			_, _, err := command(t, args...)
			if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
		x := &examination{settings: &config.Serve{}, now: time.Now}
		x.settings.URL, x.settings.Direct = address, address
		x.openPool(t.Context())
		said := told(x.checkDatabase(t.Context()))
		if !strings.HasPrefix(said, "wrong: ") || strings.Contains(said, secret) {
			t.Errorf("%s, doctor: %s", what, said)
		}
	}
	var made bool
	if err := db.Pool.QueryRow(t.Context(), `SELECT to_regnamespace('sespan') IS NOT NULL`).Scan(&made); err != nil || made {
		t.Errorf("the schema was made: %t, %v", made, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}
