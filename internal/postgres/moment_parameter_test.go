package postgres_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// beyond are the SQLSTATEs of a moment that leaves the calendar, of a failure inside, and of time.
var beyond = regexp.MustCompile("^(22008|22009|22015|XX|57014)")

// Each function that takes a moment or a day answers, or says what is wrong, whatever
// PostgreSQL takes for one: it does not fail inside, in a sum that has left the calendar.
func TestFunctionsTakeAnyMoment(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	rows, err := db.Pool.Query(t.Context(), `SELECT p.proname, array_agg(format_type(x.type, NULL) ORDER BY x.turn), p.pronargs - p.pronargdefaults
		FROM pg_proc p CROSS JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY x (type, turn)
		WHERE p.pronamespace = 'sespan'::regnamespace AND p.prorettype <> 'trigger'::regtype AND p.prokind = 'f'
		GROUP BY p.oid HAVING bool_or(x.type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)) ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	type function struct {
		Name  string
		Types []string
		Least int
	}
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil || len(functions) < 10 {
		t.Fatalf("%d functions, %v", len(functions), err)
	}
	for _, f := range functions {
		for _, moment := range []string{"infinity", "-infinity", "4713-01-02 BC", "0044-03-15 BC", "294276-12-31"} {
			arguments := make([]string, len(f.Types))
			texts := 0
			for i, kind := range f.Types {
				arguments[i] = example(kind, moment)
				if kind == "text" && strings.HasPrefix(f.Name, "stats_") {
					arguments[i] = []string{"'api'", "'UTC'", "'UTC'"}[texts]
					texts++
				}
			}
			tx, err := db.Pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = tx.Exec(t.Context(), "SET LOCAL statement_timeout = '5s'; SELECT * FROM sespan."+f.Name+"("+strings.Join(arguments, ", ")+")")
			if pe, ok := errors.AsType[*pgconn.PgError](err); ok && beyond.MatchString(pe.Code) && !strings.HasPrefix(f.Name, "partition_") { // whose days are those of the clock
				t.Errorf("%s(%s): %s %s", f.Name, moment, pe.Code, pe.Message)
			}
			_ = tx.Rollback(t.Context())
		}
	}
}

// example is an argument: the moment, or what any function takes for another type.
func example(kind, moment string) string {
	if regexp.MustCompile(`^(timestamp|date)`).MatchString(kind) {
		return "'" + moment + "'::" + kind
	}
	if value, ok := map[string]string{
		"text": "'UTC'", "bigint": "1", "integer": "1", "smallint": "1", "boolean": "true", "numeric": "1", "double precision": "1", "interval": "'1 hour'",
		"text[]": "'{a@b.co}'", "bigint[]": "'{1}'", "bytea": "'x'", "jsonb": "'{}'", "uuid": "gen_random_uuid()", "inet": "'192.0.2.1'",
	}[kind]; ok {
		return value + "::" + kind
	}
	return "NULL::" + kind
}

// What stands behind the ? of an address may be the end of a password: it is told nowhere.
func TestAnUnknownParameterIsNotTold(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for _, end := range []string{"hush=hush", "hush.hush=hush&work_mem=hush", "work_mem=hush"} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL + "&" + end})
		if err == nil {
			continue // the server keeps names with a dot
		}
		refusal := postgres.Refusal(err)
		if refusal == nil || strings.Contains(refusal.Error(), "hush") || !strings.Contains(refusal.Error(), "%26") {
			t.Errorf("%s: %v", end, refusal)
		}
	}
}
