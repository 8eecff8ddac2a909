package httpapi

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who reads or cancels transactions is in the audit before the answer goes out.
func TestTransactionsAreAudited(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	id := d.drawn(0, "A-1", "100.00")
	list := fmt.Sprintf("/v1/transactions?customer_id=%d&from=2020-01-01", d.customers[0])
	one := fmt.Sprintf("/v1/transactions/%d", id)
	require.Equal(t, 200, d.call("GET", list, "", "Authorization", d.report).status)
	require.Equal(t, 200, d.call("GET", one, "", "Authorization", d.report).status)
	require.Equal(t, 200, d.call("GET", list, "", "Authorization", d.report, "Accept", "text/csv").status)
	require.Equal(t, 200, d.cancel(id).status)
	require.Equal(t, 422, d.call("GET", "/v1/transactions?customer_id=0", "", "Authorization", d.report).status) // shows nothing
	var got string
	require.NoError(t, d.db.Pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', actor, way, action, subject_id, detail), ', ' ORDER BY audit_id)
		FROM sespan.audit WHERE subject = 'transaction'`).Scan(&got))
	filters := fmt.Sprintf("from=2020-01-01 customer_id=%d", d.customers[0])
	assert.Equal(t, fmt.Sprintf("test http read %s, test http read %d, test http export %s, test http cancel %d", filters, id, filters, id), got)
	d.db.Exec(t, `ALTER TABLE sespan.audit RENAME TO audit_away`)
	for _, accept := range []string{"application/json", "text/csv"} {
		assert.Equal(t, http.StatusServiceUnavailable, d.call("GET", list, "", "Authorization", d.report, "Accept", accept).status, "what is not audited is not shown")
	}
	assert.Equal(t, http.StatusServiceUnavailable, d.call("GET", one, "", "Authorization", d.report).status)
}
