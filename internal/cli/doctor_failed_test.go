package cli

import (
	"errors"
	"strings"
	"testing"

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
	for said, want := range map[string]string{
		`FATAL: password authentication failed for user "x" (SQLSTATE 28P01)`:        "correct login and password",
		`FATAL: role "x" is not permitted to log in (SQLSTATE 28000)`:                "ALTER ROLE … LOGIN",
		`FATAL: role "x" does not exist (SQLSTATE 28000)`:                            "correct the login",
		`FATAL: database "x" does not exist (SQLSTATE 3D000)`:                        "correct the database's name",
		`FATAL: too many connections for role "x" (SQLSTATE 53300)`:                  "raise the limit of that role",
		`FATAL: remaining connection slots are reserved for … (SQLSTATE 53300)`:      "raise max_connections",
		`dial tcp: lookup nowhere: no such host`:                                     "correct the host",
		`dial tcp 127.0.0.1:1: connect: connection refused`:                          "see that the server runs",
		`FATAL: no pg_hba.conf entry for host "10.0.0.1", user "x" (SQLSTATE 28000)`: "pg_hba.conf",
	} {
		if got := mendConnection(said); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", said, got, want)
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
		if got := told(failed(errors.New("ERROR: x (SQLSTATE " + code + ")"))); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
}
