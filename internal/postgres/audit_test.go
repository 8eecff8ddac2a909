package postgres_test

import (
	"net/netip"
	"strings"
	"testing"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
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

// Whoever makes a change, through whatever: the table's own trigger writes it down.
func TestAuditOfChanges(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	by := access.WithActor(t.Context(), access.Actor{Name: "Ratna\x00\n" + strings.Repeat("x", 300), ID: "7", Way: access.WayHTTP, Address: netip.MustParseAddr("2001:db8::7")})
	tier, err := s.tiers.TierSave(by, transaction.Tier{Name: "Gold", Probability: dec("1"), Discount: dec("0.1"), IsActive: true})
	if err != nil {
		t.Fatal(err)
	}
	again := tier
	if _, err = s.tiers.TierSave(by, again); err != nil { // nothing is changed
		t.Fatal(err)
	}
	s.Exec(t, "UPDATE sespan.transaction_tier SET name = 'Silver'")
	id := s.draw(t, one(1, "A", "10", 0))["A"].TransactionID
	if err := postgres.NewRecords(openPool(t, s.URL, 1)).RecordCancel(by, id); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "SELECT sespan.transaction_cancel($1)", id) // again: nothing
	if _, err := s.tiers.TierReplace(by, nil); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "UPDATE sespan.mail_setting SET value = '31' WHERE name = 'mail_retention_days'")
	s.Exec(t, "SELECT sespan.otp_revoke(1)")
	s.Exec(t, "INSERT INTO sespan.mail_pause (what, actor) VALUES ('all', 'x')")
	s.Exec(t, "DELETE FROM sespan.mail_pause")
	got := s.text(t, `SELECT string_agg(concat_ws(' ', left(actor, 8), actor_id, way, host(address), action, subject, coalesce(before ->> 'name', before ->> 'value'), '>',
		coalesce(after ->> 'name', after ->> 'value')), E'\n' ORDER BY audit_id) FROM sespan.audit`)
	login := s.text(t, "SELECT left(session_user, 8)")
	want := strings.ReplaceAll(`Ratna??x 7 http 2001:db8::7 insert tier > Gold
LOGIN sql update tier Gold > Silver
Ratna??x 7 http 2001:db8::7 cancel transaction >
Ratna??x 7 http 2001:db8::7 delete tier Silver >
LOGIN sql update setting mail_retention_days > mail_retention_days
LOGIN sql revoke activation >
LOGIN sql pause pause >
LOGIN sql resume pause >`, "LOGIN", login)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := s.text(t, "SELECT max(length(actor)) FROM sespan.audit"); n != "200" {
		t.Errorf("an actor has %s characters", n)
	}
}

// What anybody writes into the settings fails no change: it is made a line, or nothing.
func TestAuditOfForgedSettings(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	login := db.Login(t, "", "sespan_admin")
	for name, value := range map[string]string{"actor": "a\nb" + strings.Repeat("c", 500), "actor_id": "\t", "way": "root", "address": "somewhere; DROP", "detail": "x\ry"} {
		tx, err := login.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{"SELECT set_config('sespan.audit_" + name + "', $1, true)", "UPDATE sespan.mail_setting SET value = value::int + 1 WHERE name = $1"} {
			argument := value
			if strings.HasPrefix(statement, "UPDATE") {
				argument = "mail_retention_days"
			}
			if _, err := tx.Exec(t.Context(), statement, argument); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := mailValue[string](t, db, `SELECT string_agg(DISTINCT concat_ws('|', CASE WHEN actor <> login THEN left(actor, 4) END, actor_id, way, host(address), detail), ', ') FROM sespan.audit`)
	if got != "?|sql, a?bc|sql, sql, sql|x?y" {
		t.Error(got)
	}
	for _, call := range []string{"actor => ''", "actor => E'a\\nb'", "actor => repeat('a', 201)", "actor_id => ''", "way => 'root'", "way => ''", "address => 'nowhere'"} {
		if _, err := login.Pool.Exec(t.Context(), "SELECT sespan.audit_as("+call+")"); err == nil || !strings.Contains(err.Error(), "22") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestAuditOfReads(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	audit := postgres.NewAudit(openPool(t, db.ServiceURL(t), 1))
	by := access.WithActor(t.Context(), access.Actor{Name: "books", ID: "abcdefabcdef", Way: access.WayHTTP})
	entry := access.AuditEntry{Action: access.AuditRead, Subject: access.AuditAPILog, Detail: "ip=192.0.2.1\x00\xff\n" + strings.Repeat("x", 2000)}
	if err := audit.Enter(by, entry); err != nil {
		t.Fatal(err)
	}
	if got := mailValue[string](t, db, "SELECT concat_ws(' ', actor, actor_id, way, action, subject, left(detail, 16), length(detail)) FROM sespan.audit"); got != "books abcdefabcdef http read api_log ip=192.0.2.1?\ufffd?x 1000" {
		t.Error(got)
	}
	producer := db.Login(t, "", "sespan_producer").Pool
	for call, fine := range map[string]bool{
		"'grant', 'role', '7', NULL, '{\"roles\": [\"admin\"]}'": true, "'update', 'user', '7'": true, "'read', 'customer', '7'": true, "'export', 'transaction', NULL": true,
		"'update', 'tier', '7'": false, "'revoke', 'key', '7'": false, "'delete', 'user', '7', NULL, to_jsonb(repeat('x', 70000))": false, "NULL, 'user', '7'": false, "'read', NULL": false,
	} {
		if _, err := producer.Exec(t.Context(), "SELECT sespan.audit_people("+call+")"); (err == nil) != fine {
			t.Errorf("%s: %v", call, err)
		}
	}
}
