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

	"sespan/internal/devtools/devdb"
)

// DB is a database of one test; it is dropped with the test.
type DB struct {
	URL  string        // of the superuser
	Name string        // of the database
	Pool *pgxpool.Pool // of the superuser; connects on first use

	countsChecked bool // see CheckCounts
}

// ServiceURL is the address for a login with the rights of sespan serve: a
// store is tested with the rights that it has in production.
func (db *DB) ServiceURL(tb testing.TB) string {
	tb.Helper()
	return db.Login(tb, "", "sespan_service").URL
}

// NewDB clones the migrated template.
func NewDB(tb testing.TB) *DB {
	tb.Helper()
	waitPastMidnight(tb)
	return create(tb, quote(template(tb)))
}

// EmptyDB gives a database without anything of ours.
func EmptyDB(tb testing.TB) *DB {
	tb.Helper()
	waitPastMidnight(tb)
	return create(tb, "template0")
}

// locales are those of TurkishDBs, by their provider.
var locales = map[string]string{
	"icu":  "LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
	"libc": "LOCALE_PROVIDER libc LC_COLLATE '" + devdb.Turkish + "' LC_CTYPE '" + devdb.Turkish + "'",
}

// EachTurkish runs a test in two databases, migrated and bound as NewDB's, in whose
// locale the capital of i is not I: of ICU and of the C library.
func EachTurkish(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Helper()
	for provider, locale := range locales {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			waitPastMidnight(t)
			db := create(t, "template0 "+locale)
			var folds bool
			if err := db.Pool.QueryRow(t.Context(), "SELECT upper('i') <> 'I' AND lower('I') <> 'i'").Scan(&folds); err != nil || !folds {
				t.Fatalf("pgtest: the locale of %s is not Turkish (%v); the tests need localedef and the sources of Debian's package locales", provider, err)
			}
			migrate(t, db.URL)
			test(t, db)
		})
	}
}

func create(tb testing.TB, from string) *DB {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	admin := connect(tb, adminURL(tb))
	defer func() { _ = admin.Close(context.Background()) }()
	// Copying the files takes half the time of writing their pages to the WAL; the checkpoint
	// before it costs little where nothing is flushed.
	exec(tb, admin, "CREATE DATABASE "+quote(name)+" STRATEGY file_copy TEMPLATE "+from)
	db := &DB{Name: name, URL: withDatabase(tb, adminURL(tb), name)}
	var err error
	if db.Pool, err = pgxpool.New(tb.Context(), db.URL); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() { db.drop(tb) })
	return db
}

// Exec runs statements as the superuser, several at once when there are no
// arguments, and fails the test when one fails.
func (db *DB) Exec(tb testing.TB, statements string, args ...any) {
	tb.Helper()
	if _, err := db.Pool.Exec(tb.Context(), statements, args...); err != nil {
		tb.Fatalf("pgtest: %s: %v", statements, err)
	}
}

func (db *DB) drop(tb testing.TB) {
	tb.Helper()
	db.Pool.Close()
	admin := connect(tb, adminURL(tb))
	defer func() { _ = admin.Close(context.Background()) }()
	exec(tb, admin, "DROP DATABASE IF EXISTS "+quote(db.Name)+" WITH (FORCE)")
}

// URLFor is the database's address for another login.
func (db *DB) URLFor(tb testing.TB, login, password string) string {
	tb.Helper()
	u := parse(tb, db.URL)
	u.User = url.UserPassword(login, password)
	return u.String()
}

// AddCustomer puts a row into public.auth_user and gives its id.
func AddCustomer(tb testing.TB, db *DB, email string, active bool) int64 {
	tb.Helper()
	var id int64
	err := db.Pool.QueryRow(tb.Context(), `INSERT INTO public.auth_user (username, email, is_active) VALUES ($1, $1, $2) RETURNING id`,
		email, active).Scan(&id)
	if err != nil {
		tb.Fatalf("pgtest: add customer: %v", err)
	}
	return id
}

// AddRegistering puts a customer into public.auth_user as a registration does: with the
// right to be activated.
func AddRegistering(tb testing.TB, db *DB, email string) (id int64) {
	tb.Helper()
	err := pgx.BeginFunc(tb.Context(), db.Pool, func(tx pgx.Tx) error {
		insert := `INSERT INTO public.auth_user (username, email, is_active) VALUES ($1, $1, false) RETURNING id`
		if err := tx.QueryRow(tb.Context(), insert, email).Scan(&id); err != nil {
			return err
		}
		_, err := tx.Exec(tb.Context(), `SELECT sespan.otp_register($1)`, id)
		return err
	})
	if err != nil {
		tb.Fatalf("pgtest: register a customer: %v", err)
	}
	return id
}

func adminURL(tb testing.TB) string {
	tb.Helper()
	u := os.Getenv(urlEnv)
	if u == "" {
		tb.Fatal("pgtest: no server; has the package func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }?")
	}
	return u
}

func withDatabase(tb testing.TB, base, name string) string {
	tb.Helper()
	u := parse(tb, base)
	u.Path = "/" + name
	return u.String()
}

func parse(tb testing.TB, raw string) *url.URL {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return u
}

func connect(tb testing.TB, address string) *pgx.Conn {
	tb.Helper()
	// Not the test's context: it has ended when the clean-up runs.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return conn
}

func exec(tb testing.TB, conn *pgx.Conn, statement string, args ...any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		tb.Fatalf("pgtest: %s: %v", statement, err)
	}
}
