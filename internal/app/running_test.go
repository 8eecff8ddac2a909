package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sespan/internal/access"
	"sespan/internal/config"
	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// running is a whole `sespan serve` on a database of its own.
type running struct {
	t       *testing.T
	db      *pgtest.DB
	addr    string
	signing ed25519.PrivateKey
	log     *serveLog
}

// serveLog keeps what the service logs and tells when it says that it is ready.
type serveLog struct {
	mu    sync.Mutex
	text  bytes.Buffer
	once  sync.Once
	ready chan struct{}
}

func (l *serveLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(p, []byte("msg=ready")) || bytes.Contains(p, []byte(`"msg":"ready"`)) {
		l.once.Do(func() { close(l.ready) })
	}
	return l.text.Write(p)
}

func (l *serveLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts the service with further arguments and stops it after the test.
func serve(t *testing.T, more ...string) *running {
	t.Helper()
	db := pgtest.NewDB(t)
	pgtest.CheckCounts(t, db)
	return serveOn(t, db, more...)
}

// serveOn starts it on a database that is there.
func serveOn(t *testing.T, db *pgtest.DB, more ...string) *running {
	t.Helper()
	return serveWith(t, db, nil, more...)
}

// options are those of a service with further arguments.
func (s *running) options(more []string) Options {
	s.t.Helper()
	args := append([]string{
		"serve", "--log-level=debug", "--database-url=" + s.db.ServiceURL(s.t),
		"--secret-keys=" + secret.Generate("1"), "--jwks=" + s.jwks(), "--http-addr=" + s.addr, "--admin-addr=127.0.0.1:0", "--drain-time=0s",
	}, more...)
	if !slices.ContainsFunc(more, func(a string) bool { return strings.HasPrefix(a, "--run=") }) { // given twice it means both
		args = append(args, "--run=api,maintenance")
	}
	var line struct {
		Serve config.Serve `cmd:""`
		Log   config.Log   `embed:"" prefix:"log-"`
	}
	program := config.Program{Name: "sespan", Out: io.Discard, Err: io.Discard, Exit: func(int) { s.t.Error("kong wanted to exit") }}
	if _, err := config.Parse(&line, program, args); err != nil {
		s.t.Fatal(err)
	}
	if err := line.Serve.Resolve(); err != nil {
		s.t.Fatal(err)
	}
	return Options{Settings: &line.Serve, Logger: line.Log.Logger(s.log), Version: "test"}
}

// serveWith starts it with other options.
func serveWith(t *testing.T, db *pgtest.DB, change func(*Options), more ...string) *running {
	t.Helper()
	s := &running{t: t, db: db, addr: freeAddress(t), log: &serveLog{ready: make(chan struct{})}}
	options := s.options(more)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	if change != nil {
		change(&options)
	}
	service := New(options)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	select {
	case <-s.log.ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("serve ended: %v\n%s", err, s.log)
	case <-time.After(time.Minute):
		t.Fatalf("serve is not ready:\n%s", s.log)
	}
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", devdb.FreePort(0))
}

// jwks makes the site's signing key and writes its public half.
func (s *running) jwks() string {
	s.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	s.signing = private
	file := filepath.Join(s.t.TempDir(), "jwks.json")
	keys := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"site","use":"sig","alg":"EdDSA","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
	if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// key makes a service key.
func (s *running) key(role access.Role) string {
	s.t.Helper()
	pool, err := postgres.Open(s.t.Context(), postgres.Options{URL: s.db.URL, MaxConns: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	defer pool.Close()
	_, whole, err := access.KeyAdmin{Store: postgres.NewKeys(pool), Clock: time.Now}.Create(s.t.Context(), role, "test", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return whole
}

// claims are those of a good customer token, with changes; nil takes a claim away.
func claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"aud": "sespan", "sub": "1", "iat": now, "exp": now + 600, "order_ref": "A-1", "amount": "150000.00"}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// token signs a header and claims with the site's key.
func (s *running) token(header string, c map[string]any) string {
	s.t.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.signing, []byte(input)))
}

// state is a fingerprint of everything but the log with its counts and the last use of keys.
func (s *running) state() map[string]string {
	s.t.Helper()
	rows, err := s.db.Pool.Query(s.t.Context(), `
		SELECT c.oid::regclass::text, (xpath('/row/h/text()', query_to_xml(format(
			'SELECT count(*) || '' '' || coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '''') AS h FROM %s t', c.oid::regclass), false, true, '')))[1]::text
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('sespan', 'public')
		  AND c.relname NOT LIKE 'api\_log%' AND c.relname NOT LIKE 'stats\_api%' AND c.relname !~ '^stats_.*_(quarter|hour|day)$' AND c.relname <> 'stats_horizon' AND c.relname NOT IN ('api_key', 'draw_epoch')`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var table, hash string
		if err := rows.Scan(&table, &hash); err != nil {
			s.t.Fatal(err)
		}
		found[strings.TrimPrefix(table, "sespan.")] = hash
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return found
}
