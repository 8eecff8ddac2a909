package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestDoctorNamesRightsOfOthers(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	report := db.Login(t, "").Name
	if got := look(t, db, (*examination).checkRights); got != "ok: the roles sespan_… alone" {
		t.Error(got)
	}
	db.Exec(t, "GRANT SELECT ON sespan.stats_api_total TO "+report+", PUBLIC")
	got := look(t, db, (*examination).checkRights)
	if !strings.HasPrefix(got, "warning: granted by name beside the roles sespan_…: ") || !strings.Contains(got, "PUBLIC has SELECT on TABLE sespan.stats_api_total") ||
		!strings.Contains(got, report+" has SELECT on TABLE sespan.stats_api_total") {
		t.Error(got)
	}
	// The schema in the hands of another site's roles.
	other := newTwin(t).prefix
	db.Exec(t, "GRANT SELECT, UPDATE ON sespan.mail_message TO "+other+"service")
	if got := look(t, db, (*examination).checkRights); !strings.HasPrefix(got, "wrong: "+other+"service of another installation has SELECT, UPDATE on TABLE sespan.mail_message") {
		t.Error(got)
	}
	db.Exec(t, "ALTER TABLE sespan.mail_message OWNER TO "+other+"owner")
	if got := look(t, db, (*examination).checkRights); !strings.HasPrefix(got, "wrong: "+other+"owner owns TABLE sespan.mail_message") || !strings.Contains(got, "belongs to sespan_owner") {
		t.Error(got)
	}
}

func TestDoctorNamesTiersWithManyDraws(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `SELECT sespan.tier_save(name => 'usual', probability => 0.5, discount => 0.1, maximum_transaction => 10);
		SELECT sespan.tier_save(name => 'over', probability => 0.5, discount => 0.1, minimum_transaction => 10, ends_at => now() - interval '1 day', per_customer_draws => NULL)`)
	if got := look(t, db, (*examination).checkTiers); got != "ok: no active tier lets a customer draw more than 3 times a day" {
		t.Error(got)
	}
	db.Exec(t, `SELECT sespan.tier_save(name => 'six', probability => 0.5, discount => 0.1, minimum_transaction => 10, maximum_transaction => 20, starts_at => now(), per_customer_draws => 6);
		SELECT sespan.tier_save(name => 'open', probability => 0.25, discount => 0.1, minimum_transaction => 20, starts_at => now(), per_customer_draws => NULL)`)
	want := `warning: "six" lets a customer draw 6 times a day, and win with 98 % instead of 50 %; ` +
		`"open" sets no limit to a customer's draws of a day: whoever goes on changing the cart wins → a changed cart is a new draw: per_customer_draws => 3 bounds that`
	if got := look(t, db, (*examination).checkTiers); got != want {
		t.Error(got)
	}
}
