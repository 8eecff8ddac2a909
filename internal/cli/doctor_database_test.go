package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestDoctorWithoutADatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, url, says, mend string }{
		{"nobody there", "postgres://u:hidden-pw@127.0.0.1:1/shop", "refused", "see that the server runs"},
		{"no such host", "postgres://u:hidden-pw@nowhere.invalid/shop", "nowhere.invalid", ""},
		{"no URL", "http://127.0.0.1/shop", "not a PostgreSQL URL", "postgres://USER:PASSWORD@host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, _, err := command(t, "doctor", "--run=maintenance", "--secret-keys="+secretKey, "--database-url="+c.url)
			if exitOf(err) != exitWrong || strings.Contains(out+err.Error(), "hidden-pw") {
				t.Errorf("%v\n%s", err, out)
			}
			says(t, strings.TrimSpace(lineWith(out, "  database ")), "WRONG ", c.says)
			says(t, out, "Settings\n", c.mend)
			says(t, strings.TrimSpace(lineWith(out, "  schema ")), "not checked ", "first mend what is said of database")
		})
	}
}

func TestDoctorWithARefusedLogin(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	login := db.Login(t, "")
	x := examineOf(t, db.URLFor(t, login.Name, "hidden-pw"))
	got := told(x.checkDatabase(t.Context()))
	says(t, got, "wrong: ", "password authentication failed", "→ correct login and password in SESPAN_DATABASE_URL")
	if strings.Contains(got, "hidden-pw") {
		t.Error(got)
	}
}

func TestDoctorSeesAReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	login := db.Login(t, "", "sespan_service") // a whole database could not be dropped then
	db.Exec(t, "ALTER ROLE "+login.Name+" SET default_transaction_read_only = on")
	says(t, told(examineOf(t, login.URL).checkDatabase(t.Context())), "wrong: nothing can be written: default_transaction_read_only is on", "→ give the address of the primary")
}

// Clocks an hour apart: the database's, told by this machine's, which a test can set.
func TestDoctorComparesTheClocks(t *testing.T) {
	t.Parallel()
	x := examineDB(t, pgtest.NewDB(t))
	says(t, told(x.checkClock(t.Context())), "ok: the database's clock agrees")
	for ahead, want := range map[time.Duration]string{
		time.Hour:         "wrong: the database's clock is 1h0m0s behind this machine's → let both machines follow NTP",
		-time.Hour:        "wrong: the database's clock is 1h0m0s ahead of this machine's",
		10 * time.Second:  "warning: the database's clock is 10s behind",
		-10 * time.Second: "warning: the database's clock is 10s ahead",
	} {
		x.now = func() time.Time { return time.Now().Add(ahead) }
		says(t, told(x.checkClock(t.Context())), want)
	}
}

func TestDoctorSeesALoginWithoutRights(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	login := db.Login(t, "")
	x := examineOf(t, login.URL)
	says(t, told(x.checkLogin(t.Context())), "wrong: "+login.Name+" lacks rights of sespan_service: ", " more → a superuser runs: GRANT \"sespan_service\" TO \""+login.Name+`"`)
	says(t, told(x.checkSchema(t.Context())), "wrong: this login may not read it")
	says(t, told(examineOf(t, db.URL).checkLogin(t.Context())), "warning: ", "is a superuser, and serve needs only the rights of sespan_service")
	// One right alone is missing.
	x = examineDB(t, db)
	says(t, told(x.checkLogin(t.Context())), "ok: ")
	db.Exec(t, "CREATE TABLE sespan.another (a int); GRANT SELECT ON sespan.another TO sespan_service")
	reader := db.Login(t, "", "sespan_reader")
	says(t, told(examineOf(t, reader.URL).checkLogin(t.Context())), "wrong: "+reader.Name+" lacks rights of sespan_service: ")
	empty := pgtest.EmptyDB(t)
	says(t, told(examineOf(t, empty.Login(t, "").URL).checkLogin(t.Context())), "not_checked: first make the schema")
	says(t, told(examineOf(t, empty.URL).checkSchema(t.Context())), "wrong: there is none in this database → run: sespan init")
}

// Half-applied: a migration less, or one that was broken off within.
func TestDoctorSeesAHalfAppliedSchema(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	db.Exec(t, `UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'sespan.otp_challenge_id_idx'::regclass`)
	says(t, told(x.checkSchema(t.Context())), "wrong: a migration was broken off: sespan.otp_challenge_id_idx cannot be used → run: sespan migrate up")
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{Down: 1}); err != nil {
		t.Fatal(err)
	}
	says(t, told(x.checkSchema(t.Context())), "wrong: at version ", ", this program needs ", "→ run: sespan migrate up")
}

func TestDoctorCountsConnections(t *testing.T) {
	t.Parallel()
	says(t, look(t, pgtest.NewDB(t), (*examination).checkConnections), "ok: ")
	says(t, told(judgeConnections(postgres.ServerHealth{Connections: 90, MaxConnections: 97})), "warning: 90 of the server's 97 are in use → raise max_connections")
}

// LISTEN that goes elsewhere than NOTIFY: notifications stay within a database.
func TestDoctorSeesLISTENThatHearsNothing(t *testing.T) {
	t.Parallel()
	x := examineDB(t, pgtest.NewDB(t))
	says(t, told(x.checkListen(t.Context())), "ok: a notification arrived after ")
	x.settings.Direct = pgtest.EmptyDB(t).URL
	says(t, told(x.checkListen(t.Context())), "warning: a notification did not arrive", "swallows LISTEN", "→ name the server itself in SESPAN_DATABASE_DIRECT_URL")
	x.settings.Direct = "postgres://u:p@127.0.0.1:1/shop"
	says(t, told(x.checkListen(t.Context())), "warning: ", "refused", "→ correct SESPAN_DATABASE_DIRECT_URL")
}

// Through PgBouncer in transaction mode: without a direct URL nothing works, with the
// pooler's own as the direct one LISTEN is swallowed, and with the server's all is well.
func TestDoctorThroughAPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	through, direct := pgtest.Pooler(t, db.URL), db.URL
	says(t, told(examineOf(t, through).checkDatabase(t.Context())), "wrong: it is reached through a transaction pooler", "→ name the server itself in SESPAN_DATABASE_DIRECT_URL")
	x := examineSettings(t)
	x.settings.URL, x.settings.DirectURL, x.settings.Direct = through, direct, direct
	x.openPool(t.Context())
	t.Cleanup(x.pool.Close)
	for _, check := range []func(context.Context) []finding{x.checkDatabase, x.checkSchema, x.checkPartitions} {
		says(t, told(check(t.Context())), "ok: ")
	}
	says(t, told(x.checkListen(t.Context())), "ok: a notification arrived after ", "notified through the pooler and heard past it")
	x.settings.Direct = through
	says(t, told(x.checkListen(t.Context())), "warning: a notification did not arrive")
}

func TestDoctorNamesTriggers(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	says(t, told(x.checkTriggers(t.Context())), "ok: ")
	db.Exec(t, `ALTER TABLE sespan.mail_queue DISABLE TRIGGER mail_doorbell_ring; DROP TRIGGER stats_api_count ON sespan.api_log; ALTER TABLE sespan.api_key DISABLE TRIGGER api_key_audit`)
	got := told(x.checkTriggers(t.Context()))
	for _, want := range []string{
		"wrong: api_key_audit of sespan.api_key is disabled: changes leave no trace in the audit → ALTER TABLE sespan.api_key ENABLE TRIGGER api_key_audit",
		"warning: mail_doorbell_ring of sespan.mail_queue is disabled: mails wait for the next poll → ALTER TABLE sespan.mail_queue ENABLE TRIGGER mail_doorbell_ring",
		"wrong: stats_api_count of sespan.api_log is missing: what happens meanwhile is not counted → ", "; sespan stats check then says what is missing",
	} {
		says(t, got, "", want)
	}
}

// The doctor's list holds every trigger that we have.
func TestDoctorKnowsEveryTrigger(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `DO $$ DECLARE r record; BEGIN
		FOR r IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND c.relnamespace = 'sespan'::regnamespace AND tgparentid = 0
		LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', r.relation, r.tgname); END LOOP; END $$`)
	var all int
	if err := db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE NOT tgisinternal AND c.relnamespace = 'sespan'::regnamespace AND tgparentid = 0`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	if broken, err := examineDB(t, db).doctor().BrokenTriggers(t.Context()); err != nil || len(broken) != all || all < 20 {
		t.Errorf("%d of %d triggers are in the list of queries/doctor.sql (%v)", len(broken), all, err)
	}
}

// examineOf looks with the login of a URL.
func examineOf(t *testing.T, address string) *examination {
	t.Helper()
	x := examineSettings(t)
	x.settings.URL, x.settings.Direct = address, address
	x.openPool(t.Context())
	t.Cleanup(x.pool.Close)
	return x
}
