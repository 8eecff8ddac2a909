package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// handedOver describes customer_update: whose rights, which path, who may call it.
func handedOver(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	return figure(t, db, `SELECT concat_ws('; ', pg_get_userbyid(proowner), CASE WHEN prosecdef THEN 'definer' ELSE 'invoker' END, proconfig[1],
			(SELECT string_agg(CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, ', ' ORDER BY grantee::regrole::text)
			 FROM aclexplode(proacl) WHERE grantee <> proowner))
		FROM pg_proc WHERE oid = to_regprocedure('sespan.customer_update(bigint, boolean)')`)
}

func TestUpdateBelongsToTheSite(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	owner := db.Login(t, "")
	db.Exec(t, "ALTER TABLE public.auth_user OWNER TO "+owner.Name+"; ALTER ROLE "+owner.Name+" SET search_path = shop, \"Odd name\", public")
	db.Exec(t, "ALTER DEFAULT PRIVILEGES FOR ROLE sespan_owner GRANT EXECUTE ON FUNCTIONS TO "+owner.Name+", PUBLIC")
	want := owner.Name + `; definer; search_path=shop, "Odd name", public, pg_temp; sespan_owner, sespan_service`
	bind(t, db, "public.auth_user")
	if got := handedOver(t, db); got != want {
		t.Errorf("bound: %s, want %s", got, want)
	}
	if r := bind(t, db, "public.auth_user"); !r.Unchanged {
		t.Error("a second binding has changed something")
	}
	if n := count(t, db, "SELECT has_schema_privilege($1, 'sespan', 'CREATE')::int", owner.Name); n != 0 {
		t.Error("the site's login may make objects in our schema")
	}
	// The grants run again after each migrate up.
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := handedOver(t, db); got != want {
		t.Errorf("migrated again: %s, want %s", got, want)
	}
	// A right that was taken away, as a restore without rights does, is given back by the next binding.
	db.Exec(t, "REVOKE EXECUTE ON FUNCTION sespan.customer_update(bigint, boolean) FROM sespan_service")
	if r := bind(t, db, "public.auth_user"); r.Unchanged || handedOver(t, db) != want {
		t.Errorf("bound after the right was taken away: %s, want %s", handedOver(t, db), want)
	}
	if _, err := postgres.UnbindCustomers(t.Context(), db.URL, nil); err != nil {
		t.Fatal(err)
	}
	if got := handedOver(t, db); got != "sespan_owner; invoker; search_path=pg_catalog, pg_temp; sespan_service" {
		t.Errorf("unbound: %s", got)
	}
	bind(t, db, "public.auth_user")
	if got := handedOver(t, db); got != want {
		t.Errorf("bound again: %s, want %s", got, want)
	}
}

// Who binds with the site's own login needs no superuser.
func TestTheOwnerOfTheTableBinds(t *testing.T) {
	t.Parallel()
	db, prefix := pgtest.EmptyDB(t), rolePrefix()
	login := db.Login(t, "CREATEROLE")
	db.Exec(t, "GRANT CREATE ON DATABASE "+db.Name+" TO "+login.Name+"; GRANT ALL ON SCHEMA public TO "+login.Name)
	if _, err := login.Pool.Exec(t.Context(), "CREATE TABLE public.member (id bigint PRIMARY KEY, email text, is_active boolean); INSERT INTO public.member VALUES (1, 'ann@example.com', false)"); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(t.Context(), login.URL, postgres.MigrateOptions{RolePrefix: prefix}); err != nil {
		t.Fatal(err)
	}
	r, err := postgres.BindCustomers(t.Context(), login.URL, postgres.Binding{Table: "public.member", RolePrefix: prefix})
	if err != nil || r.Wrong != "" || r.Tried != "customer 1" || len(r.Pending) != 0 {
		t.Errorf("bind: %+v, %v, want a trial with customer 1", r, err)
	}
	want := login.Name + `; definer; search_path="$user", public, pg_temp; ` + prefix + "owner, " + prefix + "service"
	if got := handedOver(t, db); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// So does the next version, by the same login.
	if _, err := postgres.Migrate(t.Context(), login.URL, postgres.MigrateOptions{RolePrefix: prefix}); err != nil {
		t.Error(err)
	}
}

// Where the login that binds may not act as the owner, the service's own rights must do.
func TestUpdateWithTheServicesRights(t *testing.T) {
	t.Parallel()
	db, prefix := pgtest.EmptyDB(t), rolePrefix()
	login := db.Login(t, "CREATEROLE")
	db.Exec(t, "GRANT CREATE ON DATABASE "+db.Name+" TO "+login.Name)
	db.Exec(t, `CREATE TABLE public.member (id bigint PRIMARY KEY, email text, is_active boolean, note text); INSERT INTO public.member VALUES (1, 'ann@example.com', false);
		CREATE TABLE public.history (id bigint);`)
	if _, err := postgres.Migrate(t.Context(), login.URL, postgres.MigrateOptions{RolePrefix: prefix}); err != nil {
		t.Fatal(err)
	}
	b := postgres.Binding{Table: "public.member", RolePrefix: prefix}
	r, err := postgres.BindCustomers(t.Context(), login.URL, b)
	if err != nil {
		t.Fatal(err)
	}
	if r.Tried != "" || r.Wrong != "" || !strings.Contains(strings.Join(r.Advice, " "), "may not act as the owner of public.member") {
		t.Errorf("bind: %+v, want no trial and advice", r)
	}
	db.Exec(t, strings.Join(r.Pending, ";\n"))
	if _, err = postgres.BindCustomers(t.Context(), login.URL, b); err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.Login(t, "", prefix+"service").URL})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if tried, err := pool.TryCustomers(t.Context()); err != nil || tried != "customer 1" {
		t.Errorf("doctor: %q, %v", tried, err)
	}
	db.Exec(t, strings.ReplaceAll(on("AFTER UPDATE", "INSERT INTO public.history VALUES (NEW.id); RETURN NULL;"), "auth_user", "member"))
	_, err = pool.TryCustomers(t.Context())
	for _, want := range []string{"refused (42501) by trigger watch", "permission denied for table history", "run it as the owner of the table or as a superuser"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("doctor: %v, want %q", err, want)
		}
	}
	// As it says.
	if r, err = postgres.BindCustomers(t.Context(), db.URL, b); err != nil || r.Wrong != "" || r.Unchanged {
		t.Errorf("bind as a superuser: %+v, %v", r, err)
	}
	if _, err = pool.TryCustomers(t.Context()); err != nil {
		t.Errorf("doctor: %v", err)
	}
}

// Row-level security: told beforehand, by state, doctor and bind-customers; and a
// hidden customer is never taken for one who is gone.
func TestHiddenCustomers(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	owner := site(t, d.db)
	secure := func(statement string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	id := pgtest.AddCustomer(t, d.db, "ann@example.com", true)
	addCode(t, d.db, id)
	secure("ALTER TABLE public.auth_user ENABLE ROW LEVEL SECURITY")
	const none = "row-level security hides public.auth_user from "
	if got := bindingState(t, d.db); !strings.Contains(got, "refused: "+none) {
		t.Errorf("state %q without a policy", got)
	}
	secure("CREATE POLICY tenants ON public.auth_user USING (username = current_setting('shop.tenant', true))")
	if got := bindingState(t, d.db); got != "bound" {
		t.Errorf("state %q with a policy, which only a look at rows can judge", got)
	}
	_, err := tryAsService(t, d)
	if err == nil || !strings.Contains(err.Error(), "sees no customer of public.auth_user; what acts on it: policy tenants; row-level security hides them") {
		t.Errorf("doctor: %v", err)
	}
	if r := bind(t, d.db, "public.auth_user"); !strings.Contains(r.Wrong, "policy tenants") {
		t.Errorf("bind: %q", r.Wrong)
	}
	// A login that sees no rows renews the foreign keys: no code goes.
	member := d.db.Login(t, "", "sespan_owner")
	d.db.Exec(t, "ALTER TABLE sespan.otp DROP CONSTRAINT otp_customer_id_fkey; GRANT SELECT, REFERENCES ON public.auth_user TO sespan_owner; GRANT USAGE ON SCHEMA public TO sespan_owner")
	d.db.Exec(t, `INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email, key_id, otp_number)
		VALUES (4711, gen_random_uuid(), now() + interval '10 minutes', 'login', 'a@example.com', 'k', sha256('x'))`)
	for _, statement := range []string{"SELECT sespan.customer_reference('public.auth_user'::regclass, 'id')", "SELECT sespan.customer_reference_validate()"} {
		_, err = member.Pool.Exec(t.Context(), statement)
	}
	if err == nil || !strings.Contains(err.Error(), "row-level security") || count(t, d.db, "SELECT count(*) FROM sespan.otp") != 2 {
		t.Errorf("validate: %v, want a refusal, and both codes", err)
	}
	secure("CREATE POLICY sespan ON public.auth_user TO sespan_service USING (true)")
	if tried, err := tryAsService(t, d); err != nil || tried != "customer 1" {
		t.Errorf("doctor with a policy: %q, %v", tried, err)
	}
}

// The row that the trial takes is locked for a moment only where nobody else has it.
func TestTrialOfALockedCustomer(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	if tried, err := tryAsService(t, d); err != nil || tried != "none" {
		t.Errorf("without customers: %q, %v", tried, err)
	}
	pgtest.AddCustomer(t, d.db, "ann@example.com", true)
	tx, err := d.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "UPDATE public.auth_user SET username = 'x'"); err != nil {
		t.Fatal(err)
	}
	if _, err := tryAsService(t, d); !postgres.NotTried(err) {
		t.Errorf("locked: %v, want that it was not tried", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	// An active one is made inactive for the trial; what refuses that refuses nothing of ours.
	d.db.Exec(t, on("BEFORE UPDATE", "IF NOT NEW.is_active THEN RAISE EXCEPTION 'staff stay active'; END IF; RETURN NEW;"))
	if tried, err := tryAsService(t, d); err != nil || tried != "customer 1" || !d.active(t, 1) {
		t.Errorf("active: %q, %v", tried, err)
	}
}

func TestBoundTableExchanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, state string }{
		"for a copy": {
			"ALTER TABLE public.auth_user RENAME TO old; CREATE TABLE public.auth_user (LIKE public.old INCLUDING ALL); GRANT ALL ON public.auth_user TO sespan_service",
			"stale: another table stands in the place of the bound one: otp_activation_customer_id_fkey refers to public.old, otp_customer_id_fkey refers to public.old",
		},
		"for a view": {
			"ALTER TABLE public.auth_user RENAME TO old; CREATE VIEW public.auth_user AS SELECT * FROM public.old",
			"stale: public.auth_user is no table any more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.NewDB(t)
			db.Exec(t, c.statement)
			if got := bindingState(t, db); got != c.state {
				t.Errorf("state %q, want %q", got, c.state)
			}
		})
	}
}

// Tables of other shapes than Django makes.
func TestUpdateOfOtherTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		table string
		wrong string
	}{
		"partitioned": {`CREATE TABLE public.member (id bigint PRIMARY KEY, email text, is_active boolean NOT NULL, date_joined timestamptz DEFAULT now(), updated_at timestamptz) PARTITION BY RANGE (id);
			CREATE TABLE public.member_1 PARTITION OF public.member FOR VALUES FROM (1) TO (10);
			CREATE FUNCTION public.rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := NULL; RETURN NEW; END $$;
			CREATE TRIGGER watch BEFORE UPDATE ON public.member_1 FOR EACH ROW EXECUTE FUNCTION public.rule();`, ""},
		"updated_at generated": {`CREATE TABLE public.member (id int PRIMARY KEY, email text, is_active boolean, date_joined timestamptz DEFAULT now(),
			updated_at timestamptz GENERATED ALWAYS AS (date_joined) STORED);`, ""},
		"is_active generated": {
			`CREATE TABLE public.member (id int PRIMARY KEY, email text, state text DEFAULT 'new', is_active boolean GENERATED ALWAYS AS (state = 'on') STORED, date_joined timestamptz DEFAULT now());`,
			"the update of public.member was refused (428C9)",
		},
		"odd names": {`CREATE DOMAIN public.yes AS boolean; CREATE TABLE public.member ("i d" int PRIMARY KEY, email text, is_active public.yes, id int, was int, date_joined timestamptz DEFAULT now());`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			d.db.Exec(t, c.table)
			insert := "INSERT INTO public.member (id, email, is_active) VALUES (1, 'ann@example.com', false)"
			if strings.Contains(name, "is_active") {
				insert = "INSERT INTO public.member (id, email) VALUES (1, 'ann@example.com')"
			}
			d.db.Exec(t, strings.ReplaceAll(insert, "(id,", map[bool]string{true: `("i d",`, false: "(id,"}[name == "odd names"]))
			r, err := postgres.BindCustomers(t.Context(), d.db.URL, postgres.Binding{Table: "public.member", Replace: true})
			if err != nil || !strings.Contains(r.Wrong, c.wrong) || (r.Wrong == "") != (c.wrong == "") {
				t.Fatalf("bind: %q, %v, want %q", r.Wrong, err, c.wrong)
			}
			d.db.Exec(t, "INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES (1, now())")
			id := int64(1)
			issued := d.again(t, id)
			err = d.verify(t, issued.ChallengeID, d.code(t))
			if c.wrong != "" {
				refused(t, err, problem.CustomerUpdateRefused)
			} else if err != nil || count(t, d.db, "SELECT count(*) FROM public.member WHERE is_active") != 1 {
				t.Errorf("verify: %v", err)
			}
		})
	}
}
