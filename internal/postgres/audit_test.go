package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestAuditIsForgotten(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `INSERT INTO sespan.audit (at, actor, action, subject, subject_id)
		SELECT now() - make_interval(days => i), 'anna', 'retry', 'mail', '1' FROM generate_series(1, 6000) i`)
	db.Exec(t, `INSERT INTO sespan.audit (at, actor, action, subject, subject_id, after)
		VALUES (now() - interval '20 years', 'anna', 'insert', 'tier', '1', '{"name": "Gold"}')`)
	if err := postgres.NewAudit(openPool(t, db.URL, 2)).Sweep(t.Context(), 365); err != nil {
		t.Fatal(err)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.audit WHERE subject = 'mail'"); n != 364 {
		t.Errorf("%d rows, want those of 364 days", n)
	}
	if name := mailValue[string](t, db, "SELECT sespan.tier_name(1)"); name != "Gold" {
		t.Errorf("the tier's name is %q: its versions explain draws that are for ever", name)
	}
}

// Not even the owner changes it, whom no grant stops.
func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `INSERT INTO sespan.audit (at, actor, action, subject) VALUES (now() - interval '20 years', 'anna', 'retry', 'mail')`)
	for _, statement := range []string{
		"UPDATE sespan.audit SET actor = 'budi'", "DELETE FROM sespan.audit", "TRUNCATE sespan.audit", "TRUNCATE sespan.audit CASCADE",
		"SELECT sespan.audit_sweep(0)", "SELECT sespan.audit_sweep(NULL)",
		"INSERT INTO sespan.audit (audit_id, actor, action, subject) VALUES (1, 'x', 'retry', 'mail') ON CONFLICT (audit_id) DO UPDATE SET actor = 'budi'",
	} {
		if _, err := db.Pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "42501") && !strings.Contains(err.Error(), "22023") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, role := range []string{"sespan_service", "sespan_admin", "sespan_producer", "sespan_reader", "sespan_reader_detail"} {
		login := db.Login(t, "", role)
		for _, statement := range []string{
			"INSERT INTO sespan.audit (actor, action, subject) VALUES ('budi', 'retry', 'mail')", "UPDATE sespan.audit SET actor = 'budi'",
			"DELETE FROM sespan.audit", "TRUNCATE sespan.audit",
		} {
			if _, err := login.Pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s: %s: %v", role, statement, err)
			}
		}
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.audit WHERE actor = 'anna'"); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}
