package pgtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is a database of one test; it goes away with the test.
type DB struct {
	URL  string        // of the superuser
	Name string        // of the database
	Pool *pgxpool.Pool // of the superuser; connects on first use
}

// NewDB clones the migrated template.
func NewDB(t testing.TB) *DB {
	t.Helper()
	return create(t, template(t))
}

// EmptyDB gives a database without anything of ours.
func EmptyDB(t testing.TB) *DB {
	t.Helper()
	return create(t, "template0")
}

func create(t testing.TB, from string) *DB {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	admin := connect(t, adminURL(t))
	defer admin.Close(context.Background())
	exec(t, admin, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(from))
	db := &DB{Name: name, URL: withDatabase(t, adminURL(t), name)}
	var err error
	if db.Pool, err = pgxpool.New(t.Context(), db.URL); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { db.drop(t) })
	return db
}

// Exec runs statements as the superuser, several at once when there are no
// arguments, and fails the test when one fails.
func (db *DB) Exec(t testing.TB, statements string, args ...any) {
	t.Helper()
	if _, err := db.Pool.Exec(t.Context(), statements, args...); err != nil {
		t.Fatalf("pgtest: %s: %v", statements, err)
	}
}

func (db *DB) drop(t testing.TB) {
	db.Pool.Close()
	admin := connect(t, adminURL(t))
	defer admin.Close(context.Background())
	exec(t, admin, "DROP DATABASE IF EXISTS "+quote(db.Name)+" WITH (FORCE)")
}

// URLFor is the database's address for another login.
func (db *DB) URLFor(t testing.TB, login, password string) string {
	t.Helper()
	u := parse(t, db.URL)
	u.User = url.UserPassword(login, password)
	return u.String()
}

// AddCustomer puts a row into public.auth_user and gives its id.
func AddCustomer(t testing.TB, db *DB, email string, active bool) int64 {
	t.Helper()
	var id int64
	err := db.Pool.QueryRow(t.Context(), `INSERT INTO public.auth_user (username, email, is_active) VALUES ($1, $1, $2) RETURNING id`,
		email, active).Scan(&id)
	if err != nil {
		t.Fatalf("pgtest: add customer: %v", err)
	}
	return id
}

func adminURL(t testing.TB) string {
	t.Helper()
	u := os.Getenv(urlEnv)
	if u == "" {
		t.Fatal("pgtest: no server; has the package func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }?")
	}
	return u
}

func withDatabase(t testing.TB, base, name string) string {
	t.Helper()
	u := parse(t, base)
	u.Path = "/" + name
	return u.String()
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return u
}

func connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	// Not the test's context: it has ended when the clean-up runs.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		t.Fatalf("pgtest: %s: %v", statement, err)
	}
}
