package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/access"
	"sespan/internal/devtools/devdb"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

type options struct {
	out      io.Writer
	dir      string // holds the database's folder
	binary   string // sespan
	version  string
	profile  string
	rounds   int
	mails    int // of the long drain
	length   time.Duration
	quick    bool
	previous string // sespan of the previous version, "" for none
	debian   string // releases whose mail servers are tried
	only     string // part of the names of those, "" for all
	verdict  *verdicts
}

// What the service is told, and what a code's mail is made of.
const (
	mailFrom = "Shop <no-reply@shop.example>"
	siteName = "Shop"
	codeLink = "https://shop.example/account/code/{challenge_id}/"

	siteCustomers = 1000 // of site.sql, all active
)

// env is a fresh server with a migrated database and 1,000 customers.
type env struct {
	options
	dir     string
	server  *devdb.Server
	url     string // of the superuser
	login   string // URL of the service's own login
	secret  string // SESPAN_SECRET_KEYS
	ring    *secret.Ring
	admin   *pgxpool.Pool
	service *service // nil until serve
	sink    *sink    // nil where no mail is sent

	services []*service // all that were started
}

//go:embed site.sql
var siteSQL string

//go:embed machine.sql
var machineSQL string

func newEnv(ctx context.Context, o options) (*env, error) {
	dir, err := os.MkdirTemp(o.dir, "sespan-bench-")
	if err != nil {
		return nil, err
	}
	e := &env{options: o, dir: dir, secret: secret.Generate("bench")}
	if err := e.start(ctx); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// start sets a database up as `sespan init` does.
func (e *env) start(ctx context.Context) error {
	var err error
	if e.ring, err = secret.Parse(e.secret); err != nil {
		return err
	}
	if e.server, err = devdb.Start(ctx, e.database()); err != nil {
		return err
	}
	e.url = e.server.URL("postgres")
	if _, err := postgres.Migrate(ctx, e.url, postgres.MigrateOptions{}); err != nil {
		return err
	}
	if e.admin, err = pgxpool.New(ctx, e.url); err != nil {
		return err
	}
	if _, err := e.admin.Exec(ctx, siteSQL); err != nil {
		return err
	}
	if _, err := postgres.BindCustomers(ctx, e.url, postgres.Binding{Table: "public.auth_user"}); err != nil {
		return err
	}
	login, err := postgres.EnsureLogin(ctx, e.url, "")
	e.login = login.URL
	return err
}

func (e *env) database() devdb.Options {
	return devdb.Options{Version: e.version, Dir: e.dir, Parameters: map[string]string{"max_connections": "100"}}
}

func (e *env) close() {
	for _, s := range e.services {
		s.stop()
	}
	if e.sink != nil {
		e.sink.stop()
	}
	if e.admin != nil {
		e.admin.Close()
	}
	if e.server != nil {
		_ = e.server.Stop() // the data goes away with it
	}
	_ = os.RemoveAll(e.dir) //nolint:gosec // made by newEnv
}

// pool opens a pool that the suite closes.
func (e *env) pool(ctx context.Context, conns int32) (*postgres.Pool, error) {
	return postgres.Open(ctx, postgres.Options{URL: e.url, MaxConns: conns, ApplicationName: "bench"})
}

// bearer makes a service key and gives the Authorization header with it.
func (e *env) bearer(ctx context.Context) (string, error) {
	pool, err := e.pool(ctx, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	keeper := access.KeyAdmin{Store: postgres.NewKeys(pool), Clock: time.Now}
	_, key, err := keeper.Create(ctx, access.RoleService, "bench", 0)
	return "Bearer " + key, err
}

func (e *env) printf(format string, args ...any) { _, _ = fmt.Fprintf(e.out, format, args...) }
