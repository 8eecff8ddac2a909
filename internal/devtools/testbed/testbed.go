package testbed

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/access"
	"sespan/internal/devtools/devdb"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// The service's settings, and what a code's mail is made of.
const (
	MailFrom = "Shop <no-reply@shop.example>"
	CodeLink = "https://shop.example/account/code/{challenge_id}/"

	Customers = 1000 // of site.sql, all active
)

// Env is a fresh server with a migrated database and 1,000 customers.
type Env struct {
	Options

	Folder   string // removed by Close
	Server   *devdb.Server
	Admin    *pgxpool.Pool // of the superuser
	Ring     *secret.Ring
	Services []*Service // all that were started

	url    string // of the superuser
	login  string // URL of the service's own login
	secret string // SESPAN_SECRET_KEYS
}

//go:embed site.sql
var siteSQL string

// New starts the server and sets the database up.
func New(ctx context.Context, o Options) (*Env, error) {
	dir, err := os.MkdirTemp(o.Dir, "sespan-testbed-")
	if err != nil {
		return nil, err
	}
	e := &Env{Options: o, Folder: dir, secret: secret.Generate("testbed")}
	if err := e.start(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// start sets a database up as `sespan init` does.
func (e *Env) start(ctx context.Context) error {
	var err error
	if e.Ring, err = secret.Parse(e.secret); err != nil {
		return err
	}
	if e.Server, err = devdb.Start(ctx, e.database()); err != nil {
		return err
	}
	e.url = e.Server.URL("postgres")
	if err := e.migrate(ctx); err != nil {
		return err
	}
	if e.Admin, err = pgxpool.New(ctx, e.url); err != nil {
		return err
	}
	if _, err := e.Admin.Exec(ctx, siteSQL); err != nil {
		return err
	}
	if err := e.bind(ctx); err != nil {
		return err
	}
	login, err := postgres.EnsureLogin(ctx, e.url, "")
	if err != nil {
		return err
	}
	e.login, err = postgres.LoginAddress(e.url, login.Name, login.Password)
	return err
}

func (e *Env) migrate(ctx context.Context) error {
	if e.Older {
		_, err := e.command(ctx, "migrate", "up")
		return err
	}
	_, err := postgres.Migrate(ctx, e.url, postgres.MigrateOptions{})
	return err
}

func (e *Env) bind(ctx context.Context) error {
	if e.Older {
		_, err := e.command(ctx, "bind-customers", "--table=public.auth_user")
		return err
	}
	_, err := postgres.BindCustomers(ctx, e.url, postgres.Binding{Table: "public.auth_user"})
	return err
}

// command runs a command of the binary as the superuser and gives what it prints.
func (e *Env) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, e.Binary, args...) //nolint:gosec // the binary under test
	cmd.Env = append(os.Environ(), "SESPAN_DATABASE_URL="+e.url)
	var messages strings.Builder
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", e.Binary, strings.Join(args, " "), err, messages.String())
	}
	return strings.TrimSpace(string(out)), nil
}

func (e *Env) database() devdb.Options {
	parameters := map[string]string{"max_connections": "100"}
	maps.Copy(parameters, e.Parameters)
	return devdb.Options{Version: e.Version, Dir: e.Folder, Parameters: parameters}
}

// RestartDatabase stops PostgreSQL in good order and starts it again at its address.
func (e *Env) RestartDatabase(ctx context.Context) error {
	if err := e.Server.Stop(); err != nil {
		return err
	}
	o := e.database()
	o.Port = e.Server.Port()
	var err error
	e.Server, err = devdb.Start(ctx, o)
	return err
}

// PostmasterPID is the file with the process id of PostgreSQL in its first line.
func (e *Env) PostmasterPID() string { return filepath.Join(e.Folder, "data", "postmaster.pid") }

// Close stops the services and the server, and removes the data.
func (e *Env) Close() {
	for _, s := range e.Services {
		s.Stop()
	}
	if e.Admin != nil {
		e.Admin.Close()
	}
	if e.Server != nil {
		_ = e.Server.Stop() // the data goes away with it
	}
	_ = os.RemoveAll(e.Folder)
}

// LoginURL connects as the service does.
func (e *Env) LoginURL() string { return e.login }

// Pool opens a pool of the superuser that the caller closes.
func (e *Env) Pool(ctx context.Context, conns int32) (*postgres.Pool, error) {
	return postgres.Open(ctx, postgres.Options{URL: e.url, MaxConns: conns, ApplicationName: "testbed"})
}

// TracedPool is Pool with a tracer that sees each statement.
func (e *Env) TracedPool(ctx context.Context, conns int32, tracer pgx.QueryTracer) (*postgres.Pool, error) {
	return postgres.Open(ctx, postgres.Options{URL: e.url, MaxConns: conns, ApplicationName: "testbed", Tracer: tracer})
}

// Bearer makes a service key and gives the Authorization header with it.
func (e *Env) Bearer(ctx context.Context) (string, error) {
	if e.Older {
		key, err := e.command(ctx, "keys", "create", "--role=service", "--name=testbed")
		return "Bearer " + key, err
	}
	pool, err := e.Pool(ctx, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	keys := access.KeyAdmin{Store: postgres.NewKeys(pool), Clock: time.Now}
	_, key, err := keys.Create(ctx, access.RoleService, "testbed", 0)
	return "Bearer " + key, err
}
