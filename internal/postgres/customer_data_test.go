package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sespan/internal/otp"
	"sespan/internal/postgres"
)

// dataFixture is a customer of whom something is held everywhere.
type dataFixture struct {
	*otpFixture
	data  *postgres.CustomerData
	id    int64
	typed string // the code of customer 1
}

const traces = "budi@example.com"

// newDataFixture makes customer 1 (budi) and a neighbour, whose rows must stay as they are.
func newDataFixture(t *testing.T) *dataFixture {
	t.Helper()
	p := &dataFixture{otpFixture: newOTPFixture(t, otpOptions{}), id: 1}
	p.data = postgres.NewCustomerData(openPool(t, p.login.URL, 2))
	p.db.Exec(t, `INSERT INTO public.auth_user (id, username, email) VALUES (1, 'budi', 'Budi@example.com'), (2, 'sari', 'sari@example.com')`)
	for i, email := range []string{"Budi@example.com", "sari@example.com"} {
		id := int64(i + 1)
		p.issue(t, otp.Request{CustomerID: &id, Purpose: otp.Login})
		if i == 0 {
			p.typed = p.code(t)
		}
		p.db.Exec(t, `SELECT sespan.mail_enqueue(recipient => $1, subject => 'Order of ' || $1, body_text => 'b', category => 'order')`, email)
		p.db.Exec(t, `INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header, status, outcome, status_details, time_requested, time_responded, elapsed_time, customer_id)
			SELECT gen_random_uuid(), '192.0.2.7', 'Login', '{"user-agent": "x"}', '{}', 201, 'success', '', now() - make_interval(hours => g), now(), '1 ms', $1 FROM generate_series(0, 59) g`, id)
		p.db.Exec(t, `INSERT INTO sespan.api_log_body SELECT time_requested, response_id, 'asked ' || $2, 'answered' FROM sespan.api_log WHERE customer_id = $1`, id, email)
		p.db.Exec(t, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, discounted, transaction_amount, discounted_amount, transaction_time, draw_version, draw_epoch, client_nonce, draw_number)
			SELECT $1, 'A-' || g, $2, false, 10, 10, now(), 1, (now() AT TIME ZONE 'UTC')::date, '', 5 FROM generate_series(1, 3) g`, id, email)
		p.db.Exec(t, `INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id, owner_name) VALUES (lpad($1, 12, 'k'), sha256(convert_to($2, 'UTF8')), 'report', 'script', $1, $2)`, fmt.Sprint(id), email)
		p.db.Exec(t, `SELECT sespan.mail_suppress(address => $1::text, detail => 'wrote ' || $1)`, email)
		p.db.Exec(t, `INSERT INTO sespan.mail_event (source, event_id, occurred_at, kind, permanent, result, recipient, detail) VALUES ('relay', $1, now(), 'bounce', true, 'recorded', $2::text, 'no ' || $2)`, fmt.Sprint("e", i), email)
	}
	return p
}

func (p *dataFixture) find(t *testing.T) postgres.Person {
	t.Helper()
	found, err := p.data.Find(t.Context(), &p.id, "")
	require.NoError(t, err)
	return found
}

func (p *dataFixture) text(t *testing.T, sql string, args ...any) string {
	t.Helper()
	var s string
	require.NoError(t, p.db.Pool.QueryRow(t.Context(), sql, args...).Scan(&s))
	return s
}

func (p *dataFixture) export(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	require.NoError(t, p.data.Export(t.Context(), p.find(t), func(section string, items []json.RawMessage) error {
		all[section] = append(all[section], []string{}...)
		for _, item := range items {
			all[section] = append(all[section], string(item))
		}
		return nil
	}))
	return all
}

// holding names the rows of the schema that hold a text, but for the audit and the site's table.
func (p *dataFixture) holding(t *testing.T, needle string) []string {
	t.Helper()
	rows, err := p.db.Pool.Query(t.Context(), `SELECT relname FROM pg_class WHERE relnamespace = 'sespan'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'audit' ORDER BY 1`)
	require.NoError(t, err)
	var tables, found []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	for _, table := range tables {
		if n := p.text(t, `SELECT count(*)::text FROM sespan."`+table+`" x WHERE lower(x::text) LIKE '%' || $1 || '%'`, needle); n != "0" {
			found = append(found, table)
		}
	}
	return found
}

func TestExportHoldsEverythingOfThePersonAndNothingOfOthers(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	all := p.export(t)
	for section, n := range map[string]int{"codes": 1, "draws": 3, "calls": 60, "mails": 2, "suppressions": 1, "mail_events": 1, "keys": 1} {
		if len(all[section]) != n {
			t.Errorf("%s: %d items, want %d: %v", section, len(all[section]), n, all[section])
		}
	}
	whole := strings.Join(slices.Concat(all["codes"], all["draws"], all["calls"], all["mails"], all["suppressions"], all["mail_events"], all["keys"], all["audit"]), "\n")
	for _, other := range []string{"sari", "otp_number", "secret_hash", p.typed} {
		if strings.Contains(whole, other) {
			t.Errorf("the export holds %q", other)
		}
	}
	require.Contains(t, whole, "asked Budi@example.com")
	require.Contains(t, whole, `"transaction_amount": "10"`)
	require.Equal(t, "export customer 1", p.text(t, `SELECT string_agg(concat_ws(' ', action, subject, subject_id), ',') FROM sespan.audit WHERE subject = 'customer'`))
}

func TestErasureLeavesNoTraceButCounts(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	require.NotEmpty(t, p.holding(t, traces))
	p.db.Exec(t, `SELECT sespan.pretended_begin(address, address, 'hash', id, true) FROM (VALUES ('budi@example.com', 1), ('sari@example.com', 2)) v (address, id)`)
	before := p.text(t, `SELECT string_agg(request_type || n, ',') FROM (SELECT request_type, sum(stands_for) n FROM sespan.api_log GROUP BY 1) x`)
	erased, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, postgres.Erased{"cancelled": 2, "sending": 0, "mails": 2, "mail_events": 1, "suppressions": 1, "calls": 60, "draws": 3, "keys": 1, "codes": 1}, erased)
	require.Empty(t, p.holding(t, traces))
	require.Empty(t, p.holding(t, "budi"))
	require.Equal(t, "1", p.text(t, `SELECT count(*)::text FROM sespan.pretended_registration`), "only that of somebody else stays")
	require.Equal(t, before, p.text(t, `SELECT string_agg(request_type || n, ',') FROM (SELECT request_type, sum(stands_for) n FROM sespan.api_log GROUP BY 1) x`))
	require.Equal(t, "60 60", p.text(t, `SELECT count(*) FILTER (WHERE customer_id IS NULL AND ip IS NULL) || ' ' || count(*) FILTER (WHERE customer_id = 2 AND ip IS NOT NULL) FROM sespan.api_log`))
	require.Equal(t, "3 3", p.text(t, `SELECT count(*) FILTER (WHERE customer_id = 1) || ' ' || count(username) FROM sespan.transaction_log`))
	require.Equal(t, "manual", p.text(t, `SELECT coalesce(sespan.mail_suppressed('budi@example.com', false, false), '')`), "the suppression must go on")
	require.Equal(t, "erase customer 1", p.text(t, `SELECT string_agg(concat_ws(' ', action, subject, subject_id), ',') FROM sespan.audit WHERE subject = 'customer'`))
	require.Equal(t, "0", p.text(t, `SELECT count(*)::text FROM sespan.stats_check() WHERE difference <> 0`), "counts must agree with their rows")
	require.Len(t, p.export(t)["mails"], 0)

	again, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	for what, n := range again {
		require.Zero(t, n, what)
	}
}

func TestAPersonWhoIsGoneOrUnknown(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	p.db.Exec(t, `DELETE FROM public.auth_user WHERE id = 1`)
	erased, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, 60, erased["calls"])
	require.Equal(t, 3, erased["draws"])
	nobody := int64(99)
	_, err = p.data.Find(t.Context(), &nobody, "")
	require.ErrorContains(t, err, "no customer has the number 99")
	_, err = p.data.Find(t.Context(), nil, "no address")
	require.ErrorContains(t, err, "--email")
	found, err := p.data.Find(t.Context(), nil, "SARI@example.com")
	require.NoError(t, err)
	require.Equal(t, int64(2), *found.ID)
}

func TestAStepInTheMiddleNeedsItsBeginning(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	for _, f := range []string{"customer_export", "customer_erase"} {
		_, err := p.db.Pool.Exec(context.Background(), `SELECT * FROM sespan.`+f+`(1, '{}', 'calls:')`)
		require.ErrorContains(t, err, "begin without it")
		_, err = p.db.Pool.Exec(context.Background(), `SELECT * FROM sespan.`+f+`()`)
		require.ErrorContains(t, err, "one of them must be given")
		_, err = p.db.Pool.Exec(context.Background(), `SELECT * FROM sespan.`+f+`(1, portion => 0)`)
		require.ErrorContains(t, err, "portion")
	}
}
