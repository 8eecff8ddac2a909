package app

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/access"
	"sespan/internal/postgres"
)

// failure is something that breaks under a service that runs: what an operator sees of
// it, and that it is over when it is mended.
type failure struct {
	name   string
	breaks func(*broken)
	ready  string // how /readyz answers meanwhile: ok, degraded or unavailable
	reason string // what it says
	log    string // what the log says; "" where /readyz alone says it
	metric string // what shows it: a series
	shows  func(float64) bool
	alert  string // that fires for it
	mends  func(*broken)
}

// broken is what a failure has to work with.
type broken struct {
	*running
	admin string // port of operations
	key   string
}

func is(v float64) func(float64) bool    { return func(got float64) bool { return got == v } }
func above(v float64) func(float64) bool { return func(got float64) bool { return got > v } }

func sqlOf(statements string) func(*broken) {
	return func(b *broken) { b.db.Exec(b.t, statements) }
}

func failures(wanted int) []failure {
	return []failure{
		{
			name:   "a trigger that counts is disabled",
			breaks: sqlOf("ALTER TABLE sespan.api_log DISABLE TRIGGER stats_api_count"),
			ready:  "degraded", reason: "disabled or gone: stats_api_count of sespan.api_log",
			metric: "sespan_counting_enabled", shows: is(0), alert: "SespanCountingOff",
			mends: sqlOf("ALTER TABLE sespan.api_log ENABLE TRIGGER stats_api_count"),
		},
		{
			name:   "a trigger that counts is dropped",
			breaks: sqlOf("DROP TRIGGER stats_transaction_drawn ON sespan.transaction_log"),
			ready:  "degraded", reason: "disabled or gone: stats_transaction_drawn of sespan.transaction_log",
			metric: "sespan_counting_enabled", shows: is(0), alert: "SespanCountingOff",
			mends: sqlOf(`CREATE TRIGGER stats_transaction_drawn AFTER INSERT ON sespan.transaction_log REFERENCING NEW TABLE AS inserted
				FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_transaction_drawn()`),
		},
		{
			name: "a partition is dropped", breaks: dropToday,
			ready: "degraded", reason: "none made ahead for api_log",
			metric: `sespan_partition_days_ahead{table="api_log"}`, shows: is(-1), alert: "SespanPartitionMissing",
			mends: maintain,
		},
		{
			name: "rows miss their partition", breaks: func(b *broken) { dropToday(b); b.login(http.StatusCreated) },
			ready: "degraded", reason: "none made ahead for api_log",
			metric: `sespan_partition_default_rows{table="api_log"}`, shows: above(0), alert: "SespanPartitionDefaultFilled",
			mends: maintain,
		},
		{
			name:   "a right on the site's table is missing",
			breaks: sqlOf("REVOKE ALL ON public.auth_user FROM sespan_service; REVOKE ALL (id, email, is_active, username, date_joined) ON public.auth_user FROM sespan_service"),
			ready:  "unavailable", reason: "customer table refused: ",
			metric: "sespan_binding_ok", shows: is(0), alert: "SespanBindingStale",
			mends: func(b *broken) {
				if _, err := postgres.BindCustomers(b.t.Context(), b.db.URL, postgres.Binding{}); err != nil {
					b.t.Fatal(err)
				}
			},
		},
		{
			name:   "a right on our own table is missing",
			breaks: sqlOf("REVOKE SELECT ON sespan.transaction_tier FROM sespan_service"),
			ready:  "ok", log: `part=tiers error=.*permission denied for table transaction_tier`,
			metric: `sespan_health_failures_total{part="tiers"}`, shows: above(0), alert: "SespanHealthFailing",
			mends: sqlOf("GRANT SELECT, UPDATE (updated_at) ON sespan.transaction_tier TO sespan_service"),
		},
		{
			name: "the database is away", breaks: closeDatabase,
			ready: "unavailable", reason: "The database cannot be reached", log: "health: the database cannot be looked at.*part=server",
			metric: "sespan_database_up", shows: is(0), alert: "SespanDatabaseDown",
			mends: func(b *broken) { b.elsewhere("ALTER DATABASE %I ALLOW_CONNECTIONS true") },
		},
		{
			name: "the database takes no writes", breaks: func(b *broken) {
				b.elsewhere("ALTER DATABASE %I SET default_transaction_read_only = on")
				b.elsewhere("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %L")
			},
			ready: "unavailable", reason: "the database takes no writes",
			metric: "sespan_database_read_only", shows: is(1), alert: "SespanDatabaseReadOnly",
			mends: func(b *broken) {
				b.elsewhere("ALTER DATABASE %I RESET default_transaction_read_only")
				b.elsewhere("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %L")
			},
		},
		{
			name: "the disk is full", breaks: fillDisk,
			ready: "ok", log: "No space left on device",
			metric: `sespan_http_requests_total{code="503",method="POST",request_type="OTP",route="/v1/otp"}`, shows: above(0), alert: "SespanErrorBudgetFast",
			mends: func(b *broken) {
				b.db.Exec(b.t, "DROP FUNCTION public.full_disk() CASCADE")
				b.post("/v1/otp", `{"email":"sari@example.com","purpose":"login"}`, http.StatusAccepted)
			},
		},
		{
			name: "a migration is half applied", breaks: func(b *broken) { b.migrate(1) },
			ready: "unavailable", reason: "run: sespan migrate up",
			metric: "sespan_schema_version", shows: func(v float64) bool { return v < float64(wanted) }, alert: "SespanSchemaDiffers",
			mends: func(b *broken) { b.migrate(0) },
		},
	}
}

// Whatever breaks under a running service is told, is shown by a metric that an alert
// watches, and is over without a restart as soon as it is mended.
func TestFailuresAreToldShownAndOver(t *testing.T) { //nolint:tparallel // one service goes through all of them
	t.Parallel()
	db, admin := inUse(t), freeAddress(t)
	s := serveWith(t, db, func(o *Options) { o.HealthEvery = 100 * time.Millisecond }, "--run=api", "--admin-addr="+admin)
	b := &broken{running: s, admin: admin, key: s.key(access.RoleService)}
	maintain(b)
	b.wait("before anything breaks", func() bool { return strings.Contains(b.readyz(), `"status":"ok"`) })
	status, err := postgres.Status(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	rules := alertRules(t)
	for _, f := range failures(status.Latest) {
		if name, _, _ := strings.Cut(f.metric, "{"); !strings.Contains(rules, "- alert: "+f.alert+"\n") || !strings.Contains(rules, name) {
			t.Errorf("%s: there is no rule %s, or none watches %s", f.name, f.alert, name)
		}
		t.Run(f.name, func(t *testing.T) {
			b.t = t
			b.goThrough(f)
		})
	}
}

// alertRules are all the rules that ship, those of recording too.
func alertRules(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "grafana", "prometheus", "*.rules.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func (b *broken) goThrough(f failure) {
	name, _, _ := strings.Cut(f.metric, "{")
	counter := strings.HasSuffix(name, "_total")
	b.wait(f.metric+" is there, and shows nothing before", func() bool { v, there := b.value(f.metric); return there && (counter || !f.shows(v)) })
	logged := len(b.log.String())
	mended := false
	defer func() {
		if !mended { // the next one is to find all well
			f.mends(b)
		}
	}()
	f.breaks(b)
	b.wait(f.metric+" shows it", func() bool { v, there := b.value(f.metric); return there && f.shows(v) })
	b.wait("/readyz says "+f.ready+" and "+f.reason, func() bool {
		answer := b.readyz()
		return strings.Contains(answer, `"status":"`+f.ready+`"`) && strings.Contains(answer, f.reason)
	})
	b.wait("the log says "+f.log, func() bool { return regexp.MustCompile(f.log).MatchString(b.log.String()[logged:]) })
	mended = true
	f.mends(b)
	b.wait("it is over", func() bool { return strings.Contains(b.readyz(), `"status":"ok"`) })
	if counter {
		before, _ := b.value(f.metric)
		b.looks(3)
		if after, _ := b.value(f.metric); after != before {
			b.t.Errorf("%s goes on rising", f.metric)
		}
		return
	}
	b.wait(f.metric+" is as before", func() bool { v, there := b.value(f.metric); return there && !f.shows(v) })
}

func (b *broken) wait(what string, done func() bool) {
	b.t.Helper()
	late := time.After(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); !done(); {
		select {
		case <-late:
			b.t.Fatalf("a minute long not: %s\n/readyz: %s\nlog: %s", what, b.readyz(), b.tail())
		case <-tick.C:
		}
	}
}

func (b *broken) tail() string {
	log := b.log.String()
	return log[max(0, len(log)-3000):]
}

// looks waits for so many further looks at the database, which its clock shows.
func (b *broken) looks(n int) {
	b.t.Helper()
	last, _ := b.value("sespan_database_clock_skew_seconds")
	b.wait("further looks", func() bool {
		if v, _ := b.value("sespan_database_clock_skew_seconds"); v != last {
			last, n = v, n-1
		}
		return n <= 0
	})
}

func (b *broken) readyz() string { return get(b.t, "http://"+b.admin+"/readyz") }

// value is that of a series, written as it is exported.
func (b *broken) value(series string) (v float64, there bool) {
	b.t.Helper()
	for line := range strings.SplitSeq(get(b.t, "http://"+b.admin+"/metrics"), "\n") {
		if text, found := strings.CutPrefix(line, series+" "); found {
			v, err := strconv.ParseFloat(text, 64)
			return v, err == nil
		}
	}
	return 0, false
}

func (b *broken) post(path, body string, want int) {
	b.t.Helper()
	if got := b.status(path, body); got != want {
		b.t.Errorf("%s is answered %d, want %d\nlog: %s", path, got, want, b.tail())
	}
}

// status is that of the answer to a call.
func (b *broken) status(path, body string) int {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, "http://"+b.addr+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+b.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func (b *broken) login(want int) {
	b.t.Helper()
	b.post("/v1/logins", `{"username":"sari","outcome":"success","ip":"192.0.2.7"}`, want)
}

// elsewhere runs a statement with the name of the database from another one.
func (b *broken) elsewhere(statement string) {
	b.t.Helper()
	u, err := url.Parse(b.db.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	u.Path = "/postgres"
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var text string
	if err := conn.QueryRow(ctx, "SELECT format($1, $2::text)", statement, b.db.Name).Scan(&text); err != nil {
		b.t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, text); err != nil {
		b.t.Fatal(err)
	}
	b.db.Pool.Reset()
}

// migrate takes migrations back, or with 0 applies all.
func (b *broken) migrate(down int) {
	b.t.Helper()
	if _, err := postgres.Migrate(b.t.Context(), b.db.URL, postgres.MigrateOptions{Down: down}); err != nil {
		b.t.Fatal(err)
	}
}

func dropToday(b *broken) {
	b.db.Exec(b.t, `DO $$ BEGIN EXECUTE format('DROP TABLE sespan.%I', 'api_log_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD')); END $$`)
}

// maintain does what a process with the part maintenance does every few minutes, for less
// of the future.
func maintain(b *broken) {
	ctx, stop := context.WithTimeout(b.t.Context(), time.Minute)
	defer stop()
	pool, err := postgres.Open(ctx, postgres.Options{URL: b.db.ServiceURL(b.t), StatementTimeout: time.Minute, LockTimeout: 10 * time.Second})
	if err != nil {
		b.t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.PartitionEnsure(ctx, partitionsAhead); err != nil {
		b.t.Fatal(err)
	}
	if err := postgres.NewCounts(pool).PartitionEnsure(ctx, 3); err != nil {
		b.t.Fatal(err)
	}
}

// closeDatabase is what a server that restarts, or a firewall, does to its clients.
func closeDatabase(b *broken) {
	b.elsewhere("ALTER DATABASE %I ALLOW_CONNECTIONS false")
	b.elsewhere("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %L")
}

const fullDisk = `CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full'; END $$`

// fillDisk lets the server answer as it does when a table cannot grow: reads go on.
func fillDisk(b *broken) {
	b.db.Exec(b.t, fullDisk+`;
		CREATE TRIGGER full_disk BEFORE INSERT ON sespan.otp_challenge FOR EACH STATEMENT EXECUTE FUNCTION public.full_disk()`)
	b.post("/v1/otp", `{"email":"sari@example.com","purpose":"login"}`, http.StatusServiceUnavailable)
}
