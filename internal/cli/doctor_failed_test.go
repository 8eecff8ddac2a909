package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
)

func TestDoctorTellsACauseOnce(t *testing.T) {
	t.Parallel()
	const refused = "127.0.0.1:1 (127.0.0.1): dial error: connection refused"
	if got := cause(errors.New("failed:\n\t" + refused + "\n\t" + refused)); got != "failed: "+refused {
		t.Error(got)
	}
}

func TestDoctorTellsHowAConnectionIsMended(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"correct login and password":  &pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "x"`},
		"ALTER ROLE … LOGIN":          &pgconn.PgError{Code: "28000", Message: `role "x" is not permitted to log in`},
		"correct the login":           &pgconn.PgError{Code: "28000", Message: `role "x" does not exist`},
		"pg_hba.conf":                 &pgconn.PgError{Code: "28000", Message: `no pg_hba.conf entry for host "10.0.0.1", user "x"`},
		"pg_hba.conf and firewalls":   &pgconn.PgError{Code: "28000", Message: `Rolle »x« darf sich nicht anmelden`},
		"correct the database's name": &pgconn.PgError{Code: "3D000", Message: `database "x" does not exist`},
		"raise the limit of that":     &pgconn.PgError{Code: "53300", Message: `too many connections for role "x"`},
		"raise max_connections":       &pgconn.PgError{Code: "53300", Message: `remaining connection slots are reserved for …`},
		"correct the host":            fmt.Errorf("dial tcp: %w", &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}),
		"see that the server runs":    errors.New("dial tcp 127.0.0.1:1: connect: connection refused"),
	} {
		if got := mendConnection(err); !strings.Contains(got, want) {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// A query that fails is no reason to speak of keys, and never without what to do.
func TestDoctorSaysWhatToDoWhereRightsAreGone(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, "DROP FUNCTION sespan.draw_epoch_today() CASCADE")
	got := look(t, db, (*examination).checkDraws)
	says(t, got, "wrong: ", "SQLSTATE 42883", "→ the schema is not as the migrations made it")
	if strings.Contains(got, "SESPAN_SECRET_KEYS") {
		t.Error(got)
	}
	for code, want := range map[string]string{"42501": "sespan migrate up", "57014": "pg_stat_activity", "XX000": "the log of the database server"} {
		if got := told(failed(fmt.Errorf("look: %w", &pgconn.PgError{Code: code, Message: "x"}))); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
}
