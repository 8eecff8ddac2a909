package app

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
)

// Of several servers, those that are away or take no writes are passed over: the service
// starts, and no metric shows them.
func TestServersThatAreAwayArePassedOver(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	u, err := url.Parse(db.ServiceURL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = freeAddress(t) + "," + u.Host
	u.RawQuery = "target_session_attrs=read-write"
	admin := freeAddress(t)
	serveWith(t, db, nil, "--run=api,maintenance", "--database-url="+u.String(), "--admin-addr="+admin)
	b := &broken{running: &running{t: t}, admin: admin}
	until(t, "it is ready", func() bool { return strings.Contains(b.readyz(), `"status":"ok"`) })
	if v, there := b.value("sespan_database_up"); !there || v != 1 {
		t.Errorf("sespan_database_up is %v", v)
	}
}

// A wrong setting ends serve before it serves, with one line that names the variable and
// what to do; mended, it starts. Nothing is exported meanwhile: the alert is SespanDown,
// because the scrape fails. What is wrong by itself is refused before: TestWrongSettings and
// TestWrongRelaySettings of package config; the exit code is in TestExitCodes of cmd/sespan.
func TestWrongSettingsEndServeWithALineThatNamesThem(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the subtests
	wrongLogin := strings.Replace(db.ServiceURL(t), "@", "x@", 1)
	for variable, args := range map[string][]string{
		"SESPAN_ADMIN_ADDR":   {"--admin-addr=" + taken.Addr().String()},
		"SESPAN_HTTP_ADDR":    {"--http-addr=" + taken.Addr().String()},
		"SESPAN_DATABASE_URL": {"--database-url=" + wrongLogin},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			s := &running{t: t, db: db, addr: freeAddress(t), log: &serveLog{ready: make(chan struct{})}}
			err := New(s.options(args)).Run(t.Context())
			wrong, ok := errors.AsType[*config.Error](err)
			if !ok || wrong.Variable != variable || wrong.Hint == "" {
				t.Errorf("%v is no line about %s", err, variable)
			}
			serveOn(t, db)
		})
	}
}
