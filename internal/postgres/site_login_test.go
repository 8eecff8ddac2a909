package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestTheSitesLoginGetsItsRightsOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	site := db.Login(t, "")
	prefix := site.Name + "_"
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{RolePrefix: prefix}); err != nil {
		t.Fatal(err)
	}
	granted, pending, err := postgres.GrantSite(t.Context(), db.URL, prefix, site.Name)
	if err != nil || len(granted) != 3 || len(pending) != 0 {
		t.Fatalf("granted %q, pending %q, %v", granted, pending, err)
	}
	if granted, _, err = postgres.GrantSite(t.Context(), db.URL, prefix, site.Name); err != nil || len(granted) != 0 {
		t.Errorf("a second run granted %q, %v", granted, err)
	}
	var id int64
	if err := site.Pool.QueryRow(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', subject => 'x', body_text => 'x')").Scan(&id); err != nil {
		t.Errorf("the site's login enqueues no mail: %v", err)
	}
	if _, _, err := postgres.GrantSite(t.Context(), db.URL, prefix, "nobody_"+site.Name); err == nil || !strings.Contains(err.Error(), "has no login") {
		t.Errorf("an unknown login: %v", err)
	}
	// A login that may not grant says what somebody else has to run.
	other := db.Login(t, "")
	granted, pending, err = postgres.GrantSite(t.Context(), site.URL, prefix, other.Name)
	if err != nil || len(granted) != 0 || len(pending) != 3 {
		t.Errorf("without the right: granted %q, pending %q, %v", granted, pending, err)
	}
}
