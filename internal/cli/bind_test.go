package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

const dropping = `CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
	CREATE TRIGGER keep BEFORE UPDATE ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.keep()`

// What the site has on its table and would refuse a customer is told beforehand.
func TestBindAndDoctorTryTheActivation(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	try := func() string { return told(x.checkBinding(t.Context())) }
	at := "--database-url=" + db.URL
	says(t, try(), "ok: ", "there is no customer yet to try the activation with")
	pgtest.AddCustomer(t, db, "ann@example.com", false)
	says(t, try(), "ok: ", "customer 1 was read and activated, which was undone")
	if _, messages, err := command(t, "bind-customers", at); err != nil || !strings.Contains(messages, "customer 1 was read and activated, and that was undone") {
		t.Errorf("bind-customers: %v\n%s", err, messages)
	}
	db.Exec(t, dropping)
	const want = "the update of public.auth_user changed no row; what acts on it: trigger keep"
	says(t, try(), "wrong: ", want)
	_, messages, err := command(t, "bind-customers", at)
	if err == nil || !strings.Contains(err.Error(), "bound, but customers cannot be served: "+want) || !strings.Contains(messages, "WRONG: "+want) {
		t.Errorf("bind-customers: %v\n%s", err, messages)
	}
	// The first set-up goes on: keys and settings are needed all the same.
	if _, messages, err = command(t, "init", "--dsn="+db.URL); err != nil || !strings.Contains(messages, "WRONG: "+want) {
		t.Errorf("init: %v\n%s", err, messages)
	}
}
