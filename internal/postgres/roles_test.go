package postgres_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

func TestRolesSQLSwapsThePrefix(t *testing.T) {
	t.Parallel()
	text, err := postgres.RolesSQL("shop_")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shop_owner", "shop_service", "shop_producer", "shop_reader,", "shop_reader_detail", "shop_admin", "SCHEMA sespan"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the script", want)
		}
	}
	if left := regexp.MustCompile(`\bsespan_\w+`).FindAllString(text, -1); left != nil {
		t.Errorf("the default prefix is left in %v", left)
	}
}

// statements reads the SQL of the generated queries: name → text.
func statements(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("dbsqlc/*.sql.go")
	if err != nil || files == nil {
		t.Fatal(files, err)
	}
	found := make(map[string]string)
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				text, err := strconv.Unquote(g.Specs[0].(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				name, _, _ := strings.Cut(strings.TrimPrefix(text, "-- name: "), " ")
				found[name] = text
			}
		}
	}
	return found
}

// setUp are run by who migrates and binds, not by the service.
func setUp(name string) bool {
	return strings.HasPrefix(name, "Schema") ||
		slices.Contains([]string{"CustomerBind", "CustomerUnbind", "CustomerReference", "CustomerReferenceValidate", "CustomerGrants", "CustomerForgetCodes", "CustomerForgetRights", "InstallationSettle", "CustomerHandOver"}, name) ||
		strings.HasPrefix(name, "CustomerTable")
}

// Planning and starting a statement checks every right that it needs, without
// running it.
func TestServiceMayRunEveryQuery(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	service := db.Login(t, "", "sespan_service")
	conn, err := service.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\$\d+`)
	for name, text := range statements(t) {
		if setUp(name) || strings.Contains(text, "SET CONSTRAINTS") {
			continue
		}
		highest := 0
		for _, p := range parameter.FindAllString(text, -1) {
			n, _ := strconv.Atoi(p[1:])
			highest = max(highest, n)
		}
		nulls := ""
		if highest > 0 {
			nulls = "(" + strings.TrimSuffix(strings.Repeat("NULL,", highest), ",") + ")"
		}
		_, err := conn.Exec(t.Context(), "PREPARE q AS "+text)
		if err == nil {
			_, err = conn.Exec(t.Context(), "EXPLAIN EXECUTE q"+nulls)
			_, _ = conn.Exec(t.Context(), "DEALLOCATE q")
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pgtest.AddCustomer(t, db, "a@example.com", false)
	logins := map[string]*pgxpool.Pool{"nobody": db.Login(t, "").Pool}
	for _, role := range []string{"service", "producer", "reader", "reader_detail", "admin"} {
		logins[role] = db.Login(t, "", "sespan_"+role).Pool
	}
	for _, c := range []struct {
		role, statement string
		may             bool
	}{
		{"service", "SELECT * FROM sespan.customer_by_id(1)", true},
		{"service", "SELECT * FROM sespan.customer", true},
		{"service", "SELECT sespan.customer_activate(1)", true},
		{"service", "SELECT password FROM public.auth_user", false},
		{"service", "SELECT * FROM public.auth_user", false},
		{"service", "UPDATE public.auth_user SET email = '' WHERE id = 1", false},
		{"service", "UPDATE public.auth_user SET is_superuser = true WHERE id = 1", false},
		{"service", "DELETE FROM public.auth_user WHERE id = 1", false},
		{"service", "INSERT INTO public.auth_user (username, email) VALUES ('x', 'x')", false},
		{"service", "SELECT sespan.partition_ensure('sespan.api_log', 8)", true},
		{"service", "SELECT sespan.mail_enqueue_sealed('a@b.co', 'x', '\\x00', 'otp', 5, NULL)", true},
		{"service", "DELETE FROM sespan.api_log", false},
		{"service", "TRUNCATE sespan.mail_message", false},
		{"service", "UPDATE sespan.transaction_log SET discounted = true", false},
		{"service", "UPDATE sespan.transaction_log SET cancelled_at = now()", false},
		{"service", "SELECT sespan.transaction_cancel(1)", true},
		{"producer", "SELECT sespan.transaction_cancel(1)", false},
		{"service", "DELETE FROM sespan.transaction_log", false},
		{"service", "UPDATE sespan.api_key SET role = 'admin'", false},
		{"service", "UPDATE sespan.transaction_tier SET discount = 1", false},
		{"service", "UPDATE sespan.draw_epoch SET seed_hash = ''", false},
		{"service", "CREATE TABLE sespan.mine (a int)", false},
		{"service", "SELECT sespan.customer_unbind()", false},
		{"service", "SELECT sespan.customer_bind('public.auth_user'::regclass, '{\"customer_id\":{\"column\":\"id\"},\"email\":{\"column\":\"password\"}}')", false},
		{"producer", "SELECT sespan.mail_enqueue(recipient => 'a@b.co', subject => 'x', body_text => 'y')", true},
		{"producer", "SELECT body_text FROM sespan.mail_message", false},
		{"producer", "SELECT subject FROM sespan.mail_message", false},
		{"producer", "SELECT recipient FROM sespan.mail_queue", false},
		{"producer", "INSERT INTO sespan.mail_queue (queue_id) VALUES (1)", false},
		{"producer", "SELECT sespan.mail_enqueue_sealed('a@b.co', 'x', '\\x00', 'otp', 5, NULL)", false},
		{"producer", "SELECT * FROM sespan.api_key", false},
		{"producer", "SELECT sespan.tier_delete(1)", false},
		{"producer", "SELECT sespan.customer_binding_state()", true},
		{"reader", "SELECT * FROM sespan.transaction_tier", true},
		{"reader", "SELECT * FROM sespan.transaction_log", false},
		{"reader", "SELECT * FROM sespan.api_log_full", false},
		{"reader", "SELECT sealed_seed FROM sespan.draw_epoch", false},
		{"reader", "SELECT seed_hash FROM sespan.draw_epoch", true},
		{"reader_detail", "SELECT * FROM sespan.api_log_full", true},
		{"reader_detail", "SELECT * FROM sespan.transaction_log", true},
		{"reader_detail", "SELECT * FROM sespan.mail_recipient", true},
		{"reader_detail", "SELECT * FROM sespan.mail_dead", true},
		{"reader_detail", "SELECT subject, to_addresses FROM sespan.mail_message", true},
		{"reader_detail", "SELECT body_text FROM sespan.mail_message", false},
		{"reader_detail", "SELECT raw, sealed FROM sespan.mail_message", false},
		{"reader_detail", "SELECT secret_hash FROM sespan.api_key", false},
		{"reader_detail", "SELECT name, role FROM sespan.api_key", true},
		{"reader_detail", "UPDATE sespan.mail_queue SET state = 'queued'", false},
		{"reader_detail", "SELECT email FROM public.auth_user", false},
		{"admin", "SELECT * FROM sespan.tier_save(name => 't', minimum_transaction => 1, probability => 1, discount => 0)", true},
		{"admin", "SELECT sespan.tier_delete(1)", true},
		{"admin", "UPDATE sespan.mail_setting SET value = 'off' WHERE name = 'mail_doorbell'", true},
		{"admin", "UPDATE sespan.transaction_tier SET discount = 1", false},
		{"admin", "SELECT secret_hash FROM sespan.api_key", false},
		{"admin", "SELECT body_text FROM sespan.mail_message", false},
		{"nobody", "SELECT * FROM sespan.schema_version", false},
		{"nobody", "SELECT sespan.mail_enqueue(recipient => 'a@b.co', subject => 'x', body_text => 'y')", false},
		{"nobody", "SELECT sespan.partition_ensure('sespan.api_log', 0)", false},
	} {
		_, err := logins[c.role].Exec(t.Context(), c.statement)
		var pe *pgconn.PgError
		refused := errors.As(err, &pe) && pe.Code == "42501"
		switch {
		case c.may && err != nil:
			t.Errorf("%s may not %s: %v", c.role, c.statement, err)
		case !c.may && !refused:
			t.Errorf("%s may %s (error %v), want permission denied", c.role, c.statement, err)
		}
	}
}

// What a new migration brings must be owned, private, described and pinned.
func TestEveryObjectIsTidy(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for what, query := range map[string]string{
		"open to PUBLIC": `SELECT relname::text FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'sespan'::regnamespace AND grantee = 0
			UNION ALL SELECT proname::text FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
			WHERE pronamespace = 'sespan'::regnamespace AND grantee = 0`,
		"not owned by sespan_owner": `SELECT relname::text FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relowner <> 'sespan_owner'::regrole
			UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'sespan'::regnamespace AND proowner <> 'sespan_owner'::regrole
			AND proname <> 'customer_update' -- the site's: TestUpdateBelongsToTheSite`,
		"SECURITY DEFINER without a pinned search_path": `SELECT proname::text FROM pg_proc WHERE pronamespace = 'sespan'::regnamespace AND prosecdef AND proname <> 'customer_update'
			AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)`,
		"without a comment": `SELECT relname::text FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relkind IN ('r', 'p', 'v')
			AND NOT relispartition AND obj_description(oid, 'pg_class') IS NULL
			UNION ALL SELECT relname::text FROM pg_class c WHERE relnamespace = 'sespan'::regnamespace AND relkind = 'S' AND obj_description(oid, 'pg_class') IS NULL
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i') -- an identity is its column's
			UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'sespan'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
			UNION ALL SELECT tgrelid::regclass::text || ': ' || tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
			WHERE relnamespace = 'sespan'::regnamespace AND NOT tgisinternal AND tgparentid = 0 AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
			UNION ALL SELECT attrelid::regclass::text || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
			WHERE relnamespace = 'sespan'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
			AND col_description(attrelid, attnum) IS NULL`,
		"whose updates a publication FOR ALL TABLES makes fail": `SELECT relname::text FROM pg_class c WHERE relnamespace = 'sespan'::regnamespace AND relkind = 'r'
			AND relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)`,
		"a table that nobody may use": `SELECT relname::text FROM pg_class c WHERE relnamespace = 'sespan'::regnamespace AND relkind IN ('r', 'p', 'v')
			AND NOT relispartition AND NOT (relkind = 'v' AND pg_get_viewdef(c.oid) ~ 'WHERE false') -- a row type
			AND relname NOT IN ('budget', 'pretended_registration', 'api_log_retention') -- of functions alone
			AND NOT has_any_column_privilege('sespan_service', c.oid, 'SELECT, INSERT')`,
	} {
		rows, err := db.Pool.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s: %s", what, name)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	}
}
