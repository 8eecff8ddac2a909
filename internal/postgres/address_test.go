package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/postgres"
)

// The address of serve leads where init's does, in its form, without what was init's alone.
func TestLoginAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"postgres://dba:secret@db.example:5432/shop":                            "postgres://serve:new@db.example:5432/shop",
		"postgres://dba@db.example/shop?sslmode=disable":                        "postgres://serve:new@db.example/shop?sslmode=disable",
		"postgresql://dba:s%2Fx@db.example:6000/sh%20op":                        "postgresql://serve:new@db.example:6000/sh%20op",
		"postgres://dba:a@b@db.example/shop":                                    "postgres://serve:new@db.example/shop",
		"postgres://dba:secret@db.example":                                      "postgres://serve:new@db.example?dbname=dba",
		"postgres:///shop?host=/run/postgresql&user=dba&password=x":             "postgres://serve:new@/shop?host=/run/postgresql",
		"postgres://dba@a.example:1,b.example:2/shop?target_session_attrs=any":  "postgres://serve:new@a.example:1,b.example:2/shop?target_session_attrs=any",
		"postgres://dba@[::1]:5433/shop?passfile=/root/.pgpass":                 "postgres://serve:new@[::1]:5433/shop",
		"host=db.example user=dba password='it''s' dbname=shop":                 "",
		"host=db.example user=dba password='it\\'s' dbname=shop":                "user=serve password=new host=db.example dbname=shop",
		"host = 'db.example' port=6000 user=dba dbname = shop sslmode=disable ": "user=serve password=new host='db.example' port=6000 dbname=shop sslmode=disable",
		"host=/run/postgresql user=dba":                                         "user=serve password=new host=/run/postgresql dbname='dba'",
		"mysql://dba@db.example/shop":                                           "",
		"postgres://dba:x@db.example:port/shop":                                 "",
	} {
		got, err := postgres.LoginAddress(address, "serve", "new")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s becomes %q (%v), want %q", address, got, err, want)
		}
	}
}

// What the environment of init completes is written down: serve has another one.
func TestLoginAddressCompletesFromTheEnvironment(t *testing.T) {
	t.Setenv("PGHOST", "/run/post gresql")
	t.Setenv("PGPORT", "6000")
	t.Setenv("PGDATABASE", "it's")
	for address, want := range map[string]string{
		"postgres://":             "postgres://serve:new@?host=%2Frun%2Fpost%20gresql&port=6000&dbname=it%27s",
		"postgres://db.example/x": "postgres://serve:new@db.example/x?port=6000",
		"user=dba":                `user=serve password=new host='/run/post gresql' port='6000' dbname='it\'s'`,
		"dbname=shop":             "user=serve password=new dbname=shop host='/run/post gresql' port='6000'",
	} {
		got, err := postgres.LoginAddress(address, "serve", "new")
		if err != nil || got != want {
			t.Errorf("%s becomes %q (%v), want %q", address, got, err, want)
		}
		if target, err := postgres.TargetOf(got); err != nil || target.Ports[0] != "6000" {
			t.Errorf("%s leads to %v, %v", got, target, err)
		}
	}
}

// What is asked for and not done is refused by name, what is of no consequence is left out.
func TestAddressParameters(t *testing.T) {
	t.Parallel()
	const at = "postgres://dba:secret@db.example/shop?"
	for parameter, want := range map[string]string{
		"keepalives=1&tcp_user_timeout=3&load_balance_hosts=random&fallback_application_name=x": "",
		"gssencmode=prefer": "", "gssencmode=require": "gssencmode", "client_encoding=utf8": "", "client_encoding=LATIN1": "client_encoding",
		"sslcrl=/a": "sslcrl", "requirepeer=postgres": "requirepeer", "hostaddr=127.0.0.1": "hostaddr", "replication=database": "replication",
		"ssl_min_protocol_version=TLSv1.3": "ssl_min_protocol_version", "require_auth=scram-sha-256": "", "channel_binding=require": "",
	} {
		_, err := postgres.TargetOf(at + parameter)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", parameter, err, want)
		}
	}
}
