package postgres_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"sespan/internal/address"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// SQL's answer is the key of Go and Python, or NULL where the vectors say so.
func TestAddressKeyVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../address/testdata/vectors.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			Address string
			Key     *string
			SQL     bool
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) { //nolint:thelper // a test, once for each database
		for _, v := range file.Vectors {
			var got *string
			if err := db.Pool.QueryRow(t.Context(), "SELECT sespan.address_key($1)", v.Address).Scan(&got); err != nil {
				require.Contains(t, v.Address, "\x00", "%+q: %v", v.Address, err)
				continue
			}
			want := v.Key
			if !v.SQL {
				want = nil
			}
			require.Equal(t, want, got, "%+q", v.Address)
		}
		var domain string
		require.NoError(t, db.Pool.QueryRow(t.Context(), "SELECT sespan.address_domain('INFO@MAIL.EXAMPLE')").Scan(&domain))
		require.Equal(t, "mail.example", domain)
	})
}

// Look-ups of customers: by whichever index the locale lets serve, and by the key alone.
func TestCustomersAreFoundByTheAddressKey(t *testing.T) {
	t.Parallel()
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) { //nolint:thelper // a test, once for each database
		stored := []string{
			"INFO@MAIL-IN.com", "ınfo@mail-in.com", "info@maıl-in.com", "x@fass.de", "x@FAß.de", "Émile@example.com", "Jörg@BÜCHER.example", "iI@example.com",
		}
		for _, email := range stored {
			pgtest.AddCustomer(t, db, email, true)
		}
		found := func(email string) []string {
			t.Helper()
			rows, err := db.Pool.Query(t.Context(), "SELECT email FROM sespan.customer_by_email($1, $2)", email, address.Spellings(email))
			require.NoError(t, err)
			emails, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			return emails
		}
		for email, want := range map[string]string{
			"info@mail-in.com": "INFO@MAIL-IN.com", "ｉnfo@mail-in.com": "INFO@MAIL-IN.com", "INFO@maıl-in.com": "info@maıl-in.com", "ınfo@MAIL-IN.com": "ınfo@mail-in.com",
			"X@FASS.DE": "x@fass.de", "x@faß.de": "x@FAß.de", "x@xn--fa-hia.de": "x@FAß.de", "ÉMILE@example.com": "Émile@example.com", "émile@example.com": "Émile@example.com",
			"JÖRG@xn--bcher-kva.example": "Jörg@BÜCHER.example", "jörg@bücher.example": "Jörg@BÜCHER.example", "Ii@EXAMPLE.com": "iI@example.com",
		} {
			require.Equal(t, []string{want}, found(email), email)
		}
		require.Empty(t, found("ınfo@maıl-in.com"))
		require.Empty(t, found("emile@example.com"))

		r := bind(t, db, "public.auth_user")
		require.Contains(t, strings.Join(r.Advice, " "), `CREATE INDEX CONCURRENTLY ON public.auth_user (lower("email" COLLATE "C"))`)
		db.Exec(t, "CREATE INDEX useless ON public.auth_user (upper(email))")
		require.NotEmpty(t, bind(t, db, "public.auth_user").Advice)
		db.Exec(t, addresses(t, db, time.Minute).UniqueIndex)
		require.Empty(t, bind(t, db, "public.auth_user").Advice)
		require.True(t, addresses(t, db, time.Minute).Unique)
		db.Exec(t, "INSERT INTO public.auth_user (username, email) SELECT 'u' || n, 'u' || n || '@example.com' FROM generate_series(1, 5000) n; ANALYZE public.auth_user")
		require.Contains(t, explain(t, db, "SELECT * FROM sespan.customer_by_email('U7@example.com')"), "auth_user_lower_idx")
	})
}

// Addresses and mails have no room in another encoding.
func TestMigrateRefusesAnotherEncodingThanUTF8(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	name := db.Name + "_latin1"
	db.Exec(t, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
	_, err := postgres.Migrate(t.Context(), strings.Replace(db.URL, "/"+db.Name, "/"+name, 1), postgres.MigrateOptions{})
	db.Exec(t, "DROP DATABASE "+name+" WITH (FORCE)")
	require.ErrorContains(t, err, "has the encoding LATIN1, and addresses need UTF-8")
}
