package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestDoctorLooksAtPeople(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	at := func(want string) {
		t.Helper()
		if got := look(t, db, (*examination).checkPeople); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	at("ok: nobody has a key")
	db.Exec(t, `INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id) VALUES ('ownownownown', sha256('x'), 'report', 'x', '7')`)
	at("warning: 1 key belongs to people, who were never compared with the site's groups → let cron run: manage.py sespan_compare_people")
	db.Exec(t, `SELECT sespan.people_compare('{"7": ["report"]}')`)
	at("ok: 1 key belongs to people")
	db.Exec(t, `UPDATE sespan.people_comparison SET compared_at = now() - interval '25 hours'`)
	at("warning: 1 key belongs to people, who were last compared")
}
