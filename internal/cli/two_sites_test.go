package cli

import (
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
)

// twin is one of two sites whose databases are on one server, and whose roles are told
// apart by their prefix alone.
type twin struct {
	*pgtest.DB
	prefix, env string
	address     []string          // of the superuser, as flags; those commands that read serve's settings take serve's
	logins      map[string]string // who → URL
}

func newTwin(t *testing.T) *twin {
	t.Helper()
	db := pgtest.EmptyDB(t)
	return newTwinAt(t, db, "--database-url="+db.URL)
}

// newTwinAt makes it by the given address of the superuser.
func newTwinAt(t *testing.T, db *pgtest.DB, address ...string) *twin {
	t.Helper()
	db.Exec(t, siteTable)
	db.Exec(t, `INSERT INTO public.auth_user (username, email) VALUES ('a', 'a@example.com')`)
	s := &twin{DB: db, prefix: "t" + strings.ToLower(rand.Text()) + "_", env: filepath.Join(t.TempDir(), "sespan.env"), address: address}
	site := db.Login(t, "")
	mustCommand(t, slices.Concat([]string{"init"}, address, []string{
		"--role-prefix=" + s.prefix, "--site-login=" + site.Name, "--env-file=" + s.env,
		"--jwks=", "--smtp-url=smtp://127.0.0.1:1?tls=none", "--mail-from=shop@shop.example", "--site-url=http://127.0.0.1:8000",
	})...)
	reader := db.Login(t, "", s.prefix+"reader")
	text, err := os.ReadFile(s.env)
	if err != nil {
		t.Fatal(err)
	}
	serve := regexp.MustCompile(`SESPAN_DATABASE_URL="([^"]+)"`).FindSubmatch(text)
	if serve == nil {
		t.Fatal("no URL of serve in the settings")
	}
	s.logins = map[string]string{"serve": string(serve[1]), "site": site.URL, "reader": reader.URL}
	return s
}

// everyCommand has a run for each command of the command line, in an order that leaves
// the site as it was; none names the prefix. A nil one has nothing to do with a database.
func (s *twin) everyCommand(t *testing.T) (order []string, runs map[string][]string) {
	t.Helper()
	order = []string{
		"init", "migrate up", "migrate status", "migrate down", "migrate up", "bind-customers", "unbind", "bind-customers", "keys create", "keys list",
		"keys rotate", "keys revoke", "mail status", "mail list", "mail why", "mail retry", "mail cancel", "mail pause", "mail resume", "mail stuck",
		"mail throughput", "mail dead", "mail preview", "mail audit", "mail suppress", "mail suppressed", "mail unsuppress", "customer why", "customer reset", "customer export", "customer erase", "stats check",
		"secret-keys", "config check", "doctor", "migrate new-installation", "init",
	}
	runs = map[string][]string{
		"init": {"--env-file=" + s.env}, "migrate up": {}, "migrate status": {}, "migrate new-installation": {}, "migrate down": {"--steps=1", "--force"},
		"bind-customers": {}, "unbind": {}, "keys create": {"--role=report", "--name=x"}, "keys list": {}, "keys rotate": {"KEY"}, "keys revoke": {"KEY"},
		"mail status": {}, "mail list": {}, "mail why": {"1"}, "mail retry": {"1"}, "mail cancel": {"1"}, "mail pause": {"domain:example.com"},
		"mail resume": {"domain:example.com"}, "mail stuck": {}, "mail throughput": {}, "mail dead": {}, "mail preview": {"1"}, "mail audit": {},
		"mail suppress": {"a@b.co"}, "mail suppressed": {}, "mail unsuppress": {"a@b.co"}, "stats check": {},
		"customer why": {"a@b.co"}, "customer reset": {"a@b.co"}, "customer export": {"--email=a@b.co"}, "customer erase": {"--email=a@b.co", "--yes"},
		"secret-keys": {"--env-file=" + s.env}, "config check": {"--env-file=" + s.env}, "doctor": {"--env-file=" + s.env},
		"serve": nil, "openapi": nil, "inbox": nil, "dashboards export": nil, "healthcheck": nil, // serve changes no definition
	}
	return order, runs
}

func (s *twin) runAll(t *testing.T) {
	t.Helper()
	order, runs := s.everyCommand(t)
	key := regexp.MustCompile(`sk_(\w{12})_`)
	var id string
	for _, name := range order {
		args := slices.Clone(runs[name])
		if name != "doctor" && name != "secret-keys" && name != "config check" {
			args = slices.Concat(s.address, args)
		}
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "KEY", id)
		}
		out, messages, err := command(t, append(strings.Fields(name), args...)...)
		switch name {
		case "mail why", "mail preview", "mail retry", "mail cancel": // there is no such mail
		case "doctor": // no mail server is there; what it says of the rights counts
			if line := strings.TrimSpace(lineWith(out, "  rights ")); !strings.HasPrefix(line, "ok ") || !strings.Contains(line, s.prefix) {
				t.Errorf("doctor: %q, %v\n%s", line, err, out)
			}
		default:
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, messages)
			}
		}
		if found := key.FindStringSubmatch(out); strings.HasPrefix(name, "keys ") && found != nil {
			id = found[1]
		}
	}
}

// A new command has its line here, and shows that it leaves other sites alone.
func TestEveryCommandIsRunOnTwoSites(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&CLI{}, kong.Vars{"version": "test"})
	if err != nil {
		t.Fatal(err)
	}
	order, runs := (&twin{DB: &pgtest.DB{}}).everyCommand(t)
	for _, leaf := range parser.Model.Leaves(true) {
		name := strings.Join(strings.Fields(strings.TrimPrefix(leaf.FullPath(), parser.Model.Name)), " ")
		args, ok := runs[name]
		if !ok || (args != nil && !slices.Contains(order, name)) {
			t.Errorf("the command %q has no line", name)
		}
	}
}

// Roles are the server's: a command that forgot the prefix would hand the schema to the
// roles of another site, whose login then reads this one's mails.
func TestTwoSitesOnOneServer(t *testing.T) {
	t.Parallel()
	a, b := newTwin(t), newTwin(t)
	for _, s := range []*twin{a, b} {
		s.runAll(t)
	}
	for _, c := range []struct{ from, to *twin }{{a, b}, {b, a}} {
		c.to.holdsOnlyItsOwn(t)
		for who, address := range c.from.logins {
			c.to.isClosedTo(t, who, address)
		}
	}
}

// holdsOnlyItsOwn: owners and grantees are of the prefix.
func (s *twin) holdsOnlyItsOwn(t *testing.T) {
	t.Helper()
	rows, err := s.Pool.Query(t.Context(), `SELECT DISTINCT object || ' of ' || owner || ' to ' || grantee FROM sespan.schema_right
		WHERE object NOT LIKE 'ROUTINE sespan.customer\_update(%' AND (NOT starts_with(owner, $1) OR NOT starts_with(grantee, $1))`, s.prefix)
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(strangers) > 0 {
		t.Errorf("%s: rights of others: %q, %v", s.prefix, strangers, err)
	}
}

// rightsOf counts what a login could do with the objects of the schema and the site's
// table, if it got as far as them: not having USAGE of the schema is not enough.
const rightsOf = `
SELECT (SELECT count(*) FROM pg_class c WHERE (c.relnamespace = 'sespan'::regnamespace OR c.oid = 'public.auth_user'::regclass) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND (has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') OR has_any_column_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')))
    + (SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'sespan'::regnamespace AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege($1, c.oid, 'USAGE, SELECT, UPDATE') END)
    + (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'sespan'::regnamespace AND has_function_privilege($1, p.oid, 'EXECUTE'))
    + (SELECT count(*) FROM pg_type y JOIN pg_class c ON c.oid = y.typrelid WHERE y.typnamespace = 'sespan'::regnamespace AND c.relkind = 'c' AND has_type_privilege($1, y.oid, 'USAGE'))
    + has_schema_privilege($1, 'sespan', 'USAGE, CREATE')::int`

// isClosedTo walks every object as a login of the other site would, with SQL.
func (s *twin) isClosedTo(t *testing.T, who, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var rights int
	if err := s.Pool.QueryRow(t.Context(), rightsOf, u.User.Username()).Scan(&rights); err != nil || rights != 0 {
		t.Errorf("%s of the other site has %d rights here (%v)", who, rights, err)
	}
	u.Path = "/" + s.Name
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := s.Pool.Query(t.Context(), `SELECT 'SELECT FROM ' || c.oid::regclass || ' LIMIT 1' FROM pg_class c WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
		UNION ALL SELECT 'DELETE FROM ' || c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind IN ('r', 'p')
		UNION ALL SELECT 'SELECT ' || format('%I.%I(%s)', 'sespan', p.proname, (SELECT string_agg('NULL::' || a::regtype, ', ') FROM unnest(p.proargtypes) a)) FROM pg_proc p
			WHERE p.pronamespace = 'sespan'::regnamespace AND p.prorettype <> 'trigger'::regtype
		UNION ALL VALUES ('SELECT FROM public.auth_user'), ('CREATE TABLE sespan.mine (a int)')`)
	if err != nil {
		t.Fatal(err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(statements) < 200 {
		t.Fatalf("%d statements to try, %v", len(statements), err)
	}
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		if pe, ok := errors.AsType[*pgconn.PgError](err); !ok || pe.Code != "42501" {
			t.Errorf("%s of the other site: %s: %v, want permission denied", who, statement, err)
		}
	}
}

// What the schema remembers is not asked for, and another answer is refused.
func TestAnotherPrefixIsRefused(t *testing.T) {
	t.Parallel()
	s := newTwin(t)
	at := "--database-url=" + s.URL
	for _, args := range [][]string{
		{"init", "--dsn=" + s.URL}, {"migrate", "up", at}, {"migrate", "status", at}, {"migrate", "down", "--steps=1", "--force", at}, {"bind-customers", at},
	} {
		_, _, err := command(t, append(args, "--role-prefix=sespan_")...)
		if err == nil || !strings.Contains(err.Error(), "begin with "+s.prefix+", not with sespan_") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", args, err)
		}
		if args[0] == "bind-customers" {
			continue
		}
		if _, _, err := command(t, append(args, "--no-roles")...); err == nil || !strings.Contains(err.Error(), "leave --no-roles") {
			t.Errorf("%v --no-roles: %v", args, err)
		}
	}
	if out := mustCommand(t, "migrate", "status", at); strings.Contains(out, "pending") {
		t.Errorf("something was taken back:\n%s", out)
	}
	s.holdsOnlyItsOwn(t)
	// Everything taken back, the schema's owner still says whose it is.
	mustCommand(t, "migrate", "down", "--steps=1000", "--force", at)
	mustCommand(t, "migrate", "up", at)
	s.holdsOnlyItsOwn(t)
}
