package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/postgres/dbsqlc"
)

const (
	oldestServer = 150000 // PostgreSQL 15
	// A waiting ALTER makes everybody behind it wait. Below deadlock_timeout (1s):
	// where our ALTER and a transaction of the site wait for each other, ours gives up.
	ddlLockTimeout  = "800ms"
	lockPoll        = 150 * time.Millisecond
	ddlAttempts     = 40
	ddlAttemptPause = 500 * time.Millisecond
)

// schemaSession is one connection that holds the schema lock: whoever changes
// our objects (migrate, bind-customers, unbind) goes through it, one at a time
// in a database.
type schemaSession struct {
	conn     *pgx.Conn
	q        *dbsqlc.Queries
	login    string
	role     string // that the login has by its address or its settings; none mostly
	database string
	progress func(string)

	madeSchema    bool // in this session
	rolesLookedAt bool // whether others use those of a new installation
}

// withSchemaLock connects, waits for the lock as long as the context allows,
// and runs fn. It needs a direct connection: a transaction pooler loses the lock.
func withSchemaLock(ctx context.Context, url string, progress func(string), fn func(*schemaSession) error) error {
	s, err := openSchemaSession(ctx, url, progress)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer func() { _ = s.q.SchemaUnlock(context.WithoutCancel(ctx), s.conn) }()
	return fn(s)
}

func openSchemaSession(ctx context.Context, url string, progress func(string)) (*schemaSession, error) {
	config, err := connConfig(url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "sespan migrate"
	config.RuntimeParams["lock_timeout"] = ddlLockTimeout // a start-up setting: tern's RESET ALL keeps it
	config.RuntimeParams[isolationSetting] = isolationLevel
	config.RuntimeParams["statement_timeout"] = "0" // whatever the login has by default
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	config.RuntimeParams["client_min_messages"] = "warning"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	conn, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &schemaSession{conn: conn, q: dbsqlc.New(), progress: progress}
	if err := s.check(ctx); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

// connect connects; its error is one line for a person.
func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if refused := Refusal(err); refused != nil {
		return nil, fmt.Errorf("cannot connect to the database: %w", refused)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot connect to the database: %s", oneLine(hideDSN(err)))
	}
	return conn, nil
}

// connectOnce is for a few statements of the login's own.
func connectOnce(ctx context.Context, address string) (*pgx.Conn, error) {
	config, err := connConfig(address)
	if err != nil {
		return nil, err
	}
	return connect(ctx, config)
}

// TryAddress logs in and out again.
func TryAddress(ctx context.Context, address string) error {
	conn, err := connectOnce(ctx, address)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// oneLine: pgx lists the addresses it tried on lines of their own.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (s *schemaSession) check(ctx context.Context) error {
	row, err := s.q.SchemaSession(ctx, s.conn)
	if err != nil {
		return err
	}
	s.login, s.role, s.database = row.Login, row.Role, row.Database
	switch {
	case row.LockTimeout != ddlLockTimeout:
		return errors.New("the address leads through a pooler that leaves the settings of a connection out; name the server itself in SESPAN_DATABASE_DIRECT_URL")
	case row.ServerVersion < oldestServer:
		return fmt.Errorf("PostgreSQL %d is too old, Sespan needs 15 or newer", row.ServerVersion/10000)
	case row.Standby:
		return errors.New("the server is a standby, which cannot be changed; give the primary's address")
	}
	return nil
}

func (s *schemaSession) lock(ctx context.Context) error {
	for told := false; ; told = true {
		locked, err := s.q.SchemaTryLock(ctx, s.conn)
		if err != nil {
			return err
		}
		if locked {
			return nil
		}
		if !told {
			s.say("waiting for another sespan that is changing this database")
		}
		if err := pause(ctx, lockPoll); err != nil {
			return fmt.Errorf("another sespan is changing this database: %w", err)
		}
	}
}

func (s *schemaSession) close(ctx context.Context) { _ = s.conn.Close(context.WithoutCancel(ctx)) }

func (s *schemaSession) say(format string, args ...any) {
	if s.progress != nil {
		s.progress(fmt.Sprintf(format, args...))
	}
}

// actAsOwner takes on the role that owns our schema, so that new objects are
// its own and a login without INHERIT can work; actAsLogin goes back.
func (s *schemaSession) actAsOwner(ctx context.Context) error {
	owner, err := s.q.SchemaOwner(ctx, s.conn)
	if err != nil || owner == s.login {
		return err
	}
	if owner == "" {
		return errors.New("this database has no schema sespan: run sespan migrate up first")
	}
	if err := s.q.SchemaActAs(ctx, s.conn, owner); err != nil {
		return fmt.Errorf("login %s may not act as %s, which owns the schema sespan; a superuser can run: GRANT %[2]q TO %[1]q (%[3]w)", s.login, owner, err)
	}
	return nil
}

func (s *schemaSession) actAsLogin(ctx context.Context) error {
	return s.q.SchemaActAs(ctx, s.conn, s.role)
}

// retry runs fn again while others hold the locks it needs: ours give up early,
// because everybody else queues behind a lock that is waited for.
func (s *schemaSession) retry(ctx context.Context, what string, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || attempt == ddlAttempts || !retryable(err) {
			return err
		}
		s.say("%s waits for a lock, attempt %d of %d", what, attempt+1, ddlAttempts)
		if pause(ctx, ddlAttemptPause) != nil {
			return err
		}
	}
}

// retryable: lock timeout, deadlock, and two sessions at one catalog row (which
// PostgreSQL reports as an internal error: roles are shared by all databases).
func retryable(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (isState(pe, stateLockNotAvailable, stateDeadlockDetected) || pe.Message == "tuple concurrently updated")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
