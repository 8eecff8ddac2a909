package httpapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/postgres"
)

// sums are what a summary's total and the lines of an export must agree in.
type sums struct {
	Draws, Cancelled                                                             int64
	Amount, Discount, CancelledAmount, CancelledDiscount, NetAmount, NetDiscount decimal.Decimal
}

func (s sums) String() string {
	return fmt.Sprintf("%d draws %s %s, %d cancelled %s %s, net %s %s", s.Draws, s.Amount.StringFixed(2), s.Discount.StringFixed(2), s.Cancelled,
		s.CancelledAmount.StringFixed(2), s.CancelledDiscount.StringFixed(2), s.NetAmount.StringFixed(2), s.NetDiscount.StringFixed(2))
}

// exported sums the lines of an export up.
func (d *drawSite) exported(query string) string {
	d.t.Helper()
	var s sums
	for _, row := range rowsOf(d.t, d.export(query))[1:] {
		if row[0] == "draw" {
			s.Draws++
		} else {
			s.Cancelled++
		}
		for i, to := range []*decimal.Decimal{&s.Amount, &s.Discount, &s.CancelledAmount, &s.CancelledDiscount, &s.NetAmount, &s.NetDiscount} {
			*to = to.Add(decimal.RequireFromString(row[9+i]))
		}
	}
	return s.String()
}

func (d *drawSite) summarised(query string) string {
	d.t.Helper()
	a := d.call("GET", "/v1/transactions/summary?"+query, "", "Authorization", d.report)
	require.Equal(d.t, 200, a.status, a.body)
	var out struct {
		Total struct {
			Draws, Cancelled  int64
			Amount, Discount  decimal.Decimal
			CancelledAmount   decimal.Decimal `json:"cancelled_amount"`
			CancelledDiscount decimal.Decimal `json:"cancelled_discount"`
			NetAmount         decimal.Decimal `json:"net_amount"`
			NetDiscount       decimal.Decimal `json:"net_discount"`
		}
	}
	require.NoError(d.t, json.Unmarshal([]byte(a.body), &out))
	t := out.Total
	return sums{t.Draws, t.Cancelled, t.Amount, t.Discount, t.CancelledAmount, t.CancelledDiscount, t.NetAmount, t.NetDiscount}.String()
}

// The sums of an export are those of the summary, which comes from counts: for any range
// that is over and begins and ends on a quarter of an hour, and each filter that both take.
func TestSummaryAndExportAgree(t *testing.T) {
	t.Parallel()
	var counts postgres.Stats
	var customers postgres.CustomerSums
	d := newDrawSiteWith(t, func(deps *Deps) { deps.Counts, deps.Customers = &counts, &customers })
	pool := d.pool("counts", 4)
	counts, customers = *postgres.NewStats(pool), *postgres.NewCustomerSums(pool, time.Minute)
	d.db.Exec(t, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, tier_id, discounted, transaction_amount, discounted_amount,
			transaction_time, draw_version, draw_epoch, client_nonce, draw_number, draw_threshold, capped_by)
		SELECT i % 7 + 1, 'O-' || i, 'somebody', x.tier, x.won, x.amount, CASE WHEN x.won THEN round(x.amount * 0.9, 2) ELSE x.amount END, x.at, 1,
			(x.at AT TIME ZONE 'UTC')::date, '', 5, CASE WHEN x.tier IS NOT NULL THEN CASE WHEN x.won OR x.capped THEN 6 ELSE 0 END END,
			CASE WHEN x.tier IS NOT NULL AND x.capped THEN 'budget_uses' END
		FROM generate_series(1, 3000) i, LATERAL (SELECT now() - interval '1 hour' - random() * interval '3 days' AS at, nullif(i % 4, 0) AS tier,
			i % 4 <> 0 AND i % 5 = 0 AS won, i % 11 = 0 AND i % 5 <> 0 AS capped, (random() * 1000 + 1)::numeric(10,2) AS amount) x`)
	d.db.Exec(t, `UPDATE sespan.transaction_log SET cancelled_at = transaction_time + random() * (now() - interval '30 minutes' - transaction_time) WHERE transaction_id % 6 = 0`)
	quarter := time.Now().UTC().Truncate(15 * time.Minute)
	for range 5 {
		to := quarter.Add(-time.Duration(rand.IntN(280)) * 15 * time.Minute)
		from := to.Add(-time.Duration(rand.IntN(200)+1) * 15 * time.Minute)
		span := "from=" + url.QueryEscape(from.Format(time.RFC3339)) + "&to=" + url.QueryEscape(to.Format(time.RFC3339))
		for _, tier := range []string{"", "&tier_id=0", "&tier_id=1", "&tier_id=3", "&tier_id=9"} {
			want := d.exported(span + tier)
			for _, group := range []string{"hour", "day", "week", "month", "tier", "customer"} {
				assert.Equal(t, want, d.summarised(span+tier+"&group_by="+group), "%s%s by %s", span, tier, group)
			}
		}
		for _, customer := range []string{"&customer_id=1", "&customer_id=3&tier_id=2", "&customer_id=99"} {
			assert.Equal(t, d.exported(span+customer), d.summarised(span+customer+"&group_by=customer"), span+customer)
		}
	}
	assert.NotContains(t, d.exported(""), ", 0 cancelled")
}
