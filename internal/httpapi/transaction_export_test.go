package httpapi

import (
	"bufio"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

// settle makes what was drawn and cancelled so far a minute older, so that an export has it.
func (d *drawSite) settle() {
	d.t.Helper()
	d.db.Exec(d.t, `UPDATE sespan.transaction_log SET transaction_time = transaction_time - interval '1 minute', cancelled_at = cancelled_at - interval '1 minute',
		draw_epoch = ((transaction_time - interval '1 minute') AT TIME ZONE 'UTC')::date`)
}

func (d *drawSite) export(query string) answer {
	d.t.Helper()
	return d.call("GET", "/v1/transactions?"+query, "", "Authorization", d.report, "Accept", "text/csv")
}

func rowsOf(t *testing.T, a answer) [][]string {
	t.Helper()
	require.Equal(t, 200, a.status, a.body)
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	require.NoError(t, err)
	return rows
}

func TestExport(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	require.Equal(t, 201, d.tier(`{"name":"=Sum, or so","probability":"1","discount":"0.1","minimum_transaction":"100"}`).status)
	first, second := d.drawn(0, "A-1", "100"), d.drawn(1, "-2", "5.50")
	d.cancel(first)
	d.cancel(second)
	d.settle()
	late := d.drawn(0, "late", "100")
	a := d.export("")
	assert.Equal(t, "text/csv; charset=utf-8", a.header.Get("Content-Type"))
	until, err := time.Parse(time.RFC3339, a.header.Get(exportUntil))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), until, 30*time.Second)
	assert.NotContains(t, a.body, "late", late)
	rows := rowsOf(t, a)
	require.Len(t, rows, 5)
	id := func(i int) string { return strconv.FormatInt(d.customers[i], 10) }
	assert.Equal(t, "entry,entry_time,transaction_id,customer_id,username,order_ref,tier_id,tier_name,discounted,gross_amount,gross_discount,"+
		"cancelled_amount,cancelled_discount,net_amount,net_discount", strings.Join(rows[0], ","))
	for i, want := range []string{
		"draw|1|" + id(0) + "|A-1|1|'=Sum, or so|true|100.00|10.00|0.00|0.00|100.00|10.00",
		"draw|2|" + id(1) + "|'-2|||false|5.50|0.00|0.00|0.00|5.50|0.00",
		"cancellation|1|" + id(0) + "|A-1|1|'=Sum, or so|true|0.00|0.00|100.00|10.00|-100.00|-10.00",
		"cancellation|2|" + id(1) + "|'-2|||false|0.00|0.00|5.50|0.00|-5.50|0.00",
	} {
		r := rows[i+1]
		assert.Equal(t, want, strings.Join(append([]string{r[0], r[2], r[3]}, r[5:]...), "|"))
	}
	assert.Len(t, rowsOf(t, d.export("tier_id=1")), 3)
	assert.Len(t, rowsOf(t, d.export("tier_id=0&discounted=false&customer_id="+id(1))), 3)
	assert.Len(t, rowsOf(t, d.export("cancelled=false")), 1)
	assert.Len(t, rowsOf(t, d.export("order_ref=A-1")), 3)
	assert.Len(t, rowsOf(t, d.export("to=2020-01-01")), 1)
	row := d.row(a)
	assert.Equal(t, "Report", *row.Type)
	assert.Empty(t, row.ResponseBody)
	assert.Equal(t, 422, d.export("cursor=x").status)
	assert.Equal(t, 422, d.export("tier_id=x").status)
	assert.Equal(t, 403, d.call("GET", "/v1/transactions", "", "Authorization", d.service, "Accept", "text/csv").status)
}

func TestWhoAsksForCSV(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/csv": true, "TEXT/CSV; charset=utf-8": true, "text/csv, application/json;q=0.5": true,
		"text/csv;q=0.1, application/json": false, "text/*": false, "text/csv;q=0": false, "text/csv;q=x": true, "text/html, text/csv;q=0.9, */*;q=0.8": true,
	} {
		assert.Equal(t, want, prefersCSV(accept), accept)
	}
}

// A draw that is under way when the export ends its range stays out of it, and so does
// everything since it began.
func TestExportEndsBeforeOpenDraws(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	d.drawn(0, "before", "1")
	d.settle()
	conn, err := pgx.Connect(t.Context(), d.db.URL)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT sespan.transaction_draw(sespan.draw_epoch_today(), 1::smallint, 2, ARRAY[$1::bigint], '{open}', '{1}', '{""}', '{5}')`, d.customers[0])
	require.NoError(t, err)
	var began time.Time
	require.NoError(t, tx.QueryRow(t.Context(), `SELECT date_trunc('second', now())`).Scan(&began))
	d.pastLag(began)
	until := func() time.Time {
		a := d.export("")
		assert.Contains(t, a.body, "before")
		assert.NotContains(t, a.body, "cancellation")
		at, err := time.Parse(time.RFC3339, a.header.Get(exportUntil))
		require.NoError(t, err)
		return at
	}
	assert.Equal(t, began.UTC(), until(), "the open draw ends it")
	assert.NotContains(t, d.export("").body, "open")
	require.NoError(t, tx.Commit(t.Context()))
	a := d.export("")
	assert.Contains(t, a.body, "open", "over, and older than the lag")

	other, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), `SELECT sespan.transaction_cancel(transaction_id) FROM sespan.transaction_log WHERE order_ref = 'before'`)
	require.NoError(t, err)
	require.NoError(t, other.QueryRow(t.Context(), `SELECT date_trunc('second', now())`).Scan(&began))
	d.pastLag(began)
	assert.Equal(t, began.UTC(), until(), "an open cancellation ends it")
	require.NoError(t, other.Commit(t.Context()))
	assert.Contains(t, d.export("").body, "cancellation")
}

// pastLag waits until the moment is older than the lag of transaction_settled.
func (d *drawSite) pastLag(at time.Time) {
	d.t.Helper()
	d.db.Exec(d.t, `SELECT pg_sleep_until($1::timestamptz + interval '6.1 s')`, at)
}

// A transaction that announces itself late has a moment that an export may have passed.
func TestOldTransactionsMayNotDraw(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	id := d.drawn(0, "A", "1")
	tx, err := d.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `SELECT pg_sleep(5.1)`)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT sespan.transaction_cancel($1)`, id)
	assert.ErrorContains(t, err, "SQLSTATE 40001")
}

// reading is an export that nobody reads yet.
func (d *drawSite) reading(authorization string) *http.Response {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/v1/transactions", http.NoBody)
	require.NoError(d.t, err)
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Accept", "text/csv")
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { res.Body.Close() })
	return res
}

// fill inserts n draws of an hour ago.
func (d *drawSite) fill(n int) {
	d.t.Helper()
	d.db.Exec(d.t, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, discounted, transaction_amount, discounted_amount,
			transaction_time, draw_version, draw_epoch, client_nonce, draw_number)
		SELECT i % 1000 + 1, 'O-' || i, 'somebody', false, 10, 10, x.at, 1, (x.at AT TIME ZONE 'UTC')::date, '', 5
		FROM generate_series(1, $1::int) i, LATERAL (SELECT now() - interval '1 hour' + make_interval(secs => i / 100 * 0.001) AS at) x`, n)
}

// The row stands in the log, and no connection is held, while the answer is still on its way.
func TestExportIsLoggedBeforeItsFirstByte(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	d.fill(200_000)
	res := d.reading(d.report)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(line, "entry,"))
	row := d.row(answer{header: res.Header})
	assert.Equal(t, 200, row.Status)
	assert.Contains(t, row.ResponseHeader, "until")
	var busy int
	require.Eventually(t, func() bool {
		require.NoError(t, d.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND pid <> pg_backend_pid() AND state <> 'idle'`).Scan(&busy))
		return busy == 0
	}, 10*time.Second, 10*time.Millisecond, "sessions at work while nobody reads")
}

func TestExportsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	d.fill(200_000)
	keys := []string{d.report, d.admin, "Bearer " + d.key(access.RoleReport)}
	first := d.reading(keys[0])
	require.Equal(t, 200, first.StatusCode)
	require.Equal(t, 200, d.reading(keys[0]).StatusCode)
	third := d.call("GET", "/v1/transactions", "", "Authorization", keys[0], "Accept", "text/csv")
	assert.Equal(t, "too-many-exports", third.problem(t))
	assert.Equal(t, 429, third.status)
	assert.Equal(t, "15", third.header.Get("Retry-After"))
	assert.Equal(t, 200, d.call("GET", "/v1/transactions", "", "Authorization", keys[0]).status, "a list is no export")
	require.Equal(t, 200, d.reading(keys[1]).StatusCode)
	require.Equal(t, 200, d.reading(keys[1]).StatusCode)
	assert.Equal(t, "too-many-exports", d.call("GET", "/v1/transactions", "", "Authorization", keys[2], "Accept", "text/csv").problem(t))
	first.Body.Close()
	require.Eventually(t, func() bool { return d.reading(keys[2]).StatusCode == http.StatusOK }, 10*time.Second, 20*time.Millisecond, "the slot of a reader who went away")
}

// Who does not read for long loses the connection and sees that the answer is not whole.
func TestStalledExportEnds(t *testing.T) {
	t.Parallel()
	d := newDrawSiteWith(t, func(deps *Deps) { deps.StreamStall = 300 * time.Millisecond })
	d.fill(200_000)
	res := d.reading(d.report)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, 200, d.reading(d.report).StatusCode)
	require.Eventually(t, func() bool { return d.reading(d.report).StatusCode == http.StatusOK }, 30*time.Second, 50*time.Millisecond, "a slot is free again")
	_, err := io.Copy(io.Discard, res.Body)
	require.Error(t, err)
}

// An export takes longer than a request may.
func TestExportOutlivesTheRequestTimeout(t *testing.T) {
	t.Parallel()
	d := newDrawSiteWith(t, func(deps *Deps) { deps.Timeout = 700 * time.Millisecond })
	d.fill(200_000)
	res := d.reading(d.report)
	buffer, lines := make([]byte, 1<<20), 0
	began := time.Now()
	for {
		n, err := io.ReadFull(res.Body, buffer)
		lines += strings.Count(string(buffer[:n]), "\n")
		if err != nil {
			require.True(t, err == io.EOF || err == io.ErrUnexpectedEOF && time.Since(began) > 700*time.Millisecond, err)
			break
		}
		if wait := 800*time.Millisecond - time.Since(began); wait > 0 {
			d.db.Exec(t, `SELECT pg_sleep($1)`, wait.Seconds())
		}
	}
	assert.Equal(t, 200_001, lines)
}
