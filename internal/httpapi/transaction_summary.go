package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/problem"
	"sespan/internal/stats"
)

type summaryRequest struct {
	From       string `query:"from" maxLength:"40" doc:"First moment, on a quarter of an hour: an RFC 3339 time, or a date YYYY-MM-DD, the start of that day in SESPAN_TIME_ZONE. By default 24 hours, 26 weeks or 24 months before to, by what is grouped; else 30 days."`
	To         string `query:"to" maxLength:"40" doc:"First moment after it, written as from; the end of the present hour, day, week or month by default."`
	GroupBy    string `query:"group_by" enum:"hour,day,week,month,tier,customer" default:"day" doc:"One row for each."`
	TierID     string `query:"tier_id" pattern:"^(0|[1-9][0-9]{0,18})$" patternDescription:"an integer, 0 or more" maxLength:"19" doc:"Of this tier alone; 0: those without a tier."`
	CustomerID string `query:"customer_id" pattern:"^[1-9][0-9]{0,18}$" patternDescription:"a positive integer" maxLength:"19" doc:"Of this customer alone, with group_by=customer."`
	Limit      int    `query:"limit" minimum:"1" maximum:"1000" doc:"Rows at most, with group_by=customer; 1000 when left out."`
	Accept     string `header:"Accept" doc:"text/csv for CSV in place of JSON."`
}

type (
	// SummaryCounts are the counts of a row. Net is gross less what was cancelled in the same time.
	SummaryCounts struct {
		StatsDraws
		NetAmount   string `json:"net_amount" example:"150000.00" doc:"amount - cancelled_amount; below zero where more was cancelled than drawn."`
		NetDiscount string `json:"net_discount" example:"15000.00"`
	}
	// SummaryByTime says which bucket a row is about.
	SummaryByTime struct {
		At time.Time `json:"at"`
	}
	// SummaryByTier says which tier a row is about.
	SummaryByTier struct {
		TierID   *int64  `json:"tier_id"`
		TierName *string `json:"tier_name"`
	}
	// SummaryByCustomer says which customer a row is about.
	SummaryByCustomer struct {
		CustomerID string  `json:"customer_id"`
		Username   *string `json:"username"`
	}
	summaryTimeRow struct {
		SummaryByTime
		SummaryCounts
	}
	summaryTierRow struct {
		SummaryByTier
		SummaryCounts
	}
	summaryCustomerRow struct {
		SummaryByCustomer
		SummaryCounts
	}
)

// SummaryHead is what a summary of each kind begins with.
type SummaryHead struct {
	From     time.Time `json:"from" doc:"First moment of the range."`
	To       time.Time `json:"to" doc:"First moment after it."`
	GroupBy  string    `json:"group_by" enum:"hour,day,week,month,tier,customer"`
	TimeZone string    `json:"time_zone" example:"Asia/Jakarta" doc:"Whose hours, days, weeks and months."`
}

type (
	summaryAnswer[Row any] struct {
		SummaryHead
		Rows  []Row         `json:"rows"`
		Total SummaryCounts `json:"total"`
	}
	// summaryRow documents a row: what it is about depends on group_by.
	summaryRow struct {
		At         *time.Time `json:"at,omitempty" doc:"Of hours, days, weeks and months: the start."`
		TierID     *int64     `json:"tier_id,omitempty" nullable:"true" doc:"Of tiers; null: no tier matched."`
		TierName   *string    `json:"tier_name,omitempty" nullable:"true" doc:"Of a deleted tier its last one."`
		CustomerID string     `json:"customer_id,omitempty" doc:"Of customers."`
		Username   *string    `json:"username,omitempty" nullable:"true" doc:"As it was last."`
		SummaryCounts
	}
	summaryDocument struct {
		SummaryHead
		Rows  []summaryRow  `json:"rows" nullable:"false"`
		Total SummaryCounts `json:"total" doc:"Of all rows; of customers also of those beyond the limit."`
	}
)

// summaryCalls sum transactions up.
type summaryCalls struct {
	statsCalls
	customers stats.CustomerReader // nil: not to be had
	audit     access.Auditor
}

func registerSummary(api huma.API, d Deps) {
	h := summaryCalls{statsCalls{d.Counts, cmp.Or(d.Zone, time.UTC), d.Clock, d.Minor}, d.Customers, d.Audit}
	op := describe(operation(apilog.Report, http.MethodGet, "/v1/transactions/summary", "summarise-transactions", "Sum transactions up",
		http.StatusOK, access.RoleReport, access.RoleAdmin),
		"Draws count at their time and cancellations at theirs: gross, cancelled and net. Of a range that is over, the sums are those of the CSV of GET /v1/transactions with the same filters. "+
			"Hours, days, weeks, months and tiers come from the counts, over a hundred years at most; customers from the rows of 92 days at most, the 1,000 with the largest net amounts.")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: huma.SchemaFromType(api.OpenAPI().Components.Schemas, reflect.TypeFor[summaryDocument]())},
			"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString, Description: "RFC 4180 with a header: what a row is about, then its counts by the names that JSON has."}},
		},
	}}
	register(api, op, h.get)
}

func (h summaryCalls) get(ctx context.Context, in *summaryRequest) (*huma.StreamResponse, error) {
	byCustomer := in.GroupBy == "customer"
	if !byCustomer && in.CustomerID != "" {
		return nil, problem.New(problem.Invalid, "Only sums by customer take a customer_id; add group_by=customer.").AtField("query.customer_id")
	}
	if !byCustomer && in.Limit != 0 {
		return nil, problem.New(problem.Invalid, "Only sums by customer take a limit; add group_by=customer.").AtField("query.limit")
	}
	want := stats.Want{Step: stats.Step(in.GroupBy), Parameter: "group_by"}
	if byCustomer || in.GroupBy == "tier" {
		want.Step, want.Whole = stats.Day, true
	}
	var err error
	if want.From, want.To, err = parseRange(in.From, in.To, h.zone); err != nil {
		return nil, err
	}
	r, err := stats.Calendar{Zone: h.zone}.Range(want, h.clock())
	if err != nil {
		return nil, err
	}
	tier, err := idOf("query.tier_id", in.TierID)
	if err != nil {
		return nil, err
	}
	head := SummaryHead{r.From, r.To, in.GroupBy, h.zone.String()}
	if byCustomer {
		return h.byCustomer(ctx, in, head, tier, r)
	}
	sums, names, err := h.reader.TransactionSums(ctx, r, tier)
	if err != nil {
		return nil, err
	}
	total := h.counts(sumOf(onlyTier(sums.Windows[stats.WindowRange], tier)))
	if in.GroupBy == "tier" {
		return summaryOf(in.Accept, head, h.tierRows(onlyTier(sums.Windows[stats.WindowRange], tier), names), total), nil
	}
	rows := make([]summaryTimeRow, len(r.Starts))
	for i, at := range r.Starts {
		rows[i] = summaryTimeRow{SummaryByTime{at}, h.counts(sums.Buckets[i])}
	}
	return summaryOf(in.Accept, head, rows, total), nil
}

func (h summaryCalls) byCustomer(ctx context.Context, in *summaryRequest, head SummaryHead, tier *int64, r stats.Range) (*huma.StreamResponse, error) {
	customer, err := idOf("query.customer_id", in.CustomerID)
	if err != nil {
		return nil, err
	}
	q := stats.CustomerQuery{From: r.From, To: r.To, TierID: tier, CustomerID: customer, Limit: cmp.Or(in.Limit, stats.MaxCustomers)}
	if err := q.Check(r.Calendar); err != nil {
		return nil, err
	}
	if h.customers == nil {
		return nil, problem.New(problem.Invalid, "Sums by customer are not to be had here; group by tier.").AtField("query.group_by")
	}
	detail := "summary by customer from=" + r.From.UTC().Format(time.RFC3339) + " to=" + r.To.UTC().Format(time.RFC3339)
	if err := h.audit.Enter(ctx, access.AuditEntry{Action: access.AuditRead, Subject: access.AuditTransaction, Detail: detail}); err != nil {
		return nil, err
	}
	if c := requestContextOf(ctx); c.endLimit != nil {
		c.endLimit() // it has a limit of its own
	}
	found, total, err := h.customers.CustomerSums(ctx, q)
	if err != nil {
		return nil, err
	}
	rows := make([]summaryCustomerRow, len(found))
	for i, c := range found {
		rows[i] = summaryCustomerRow{SummaryByCustomer{strconv.FormatInt(c.CustomerID, 10), c.Username}, h.counts(c.TransactionCounts)}
	}
	return summaryOf(in.Accept, head, rows, h.counts(total)), nil
}

func (h summaryCalls) tierRows(all map[int64]stats.TransactionCounts, names map[int64]string) []summaryTierRow {
	rows := make([]summaryTierRow, 0, len(all))
	for _, id := range tierIDs(all) {
		tierID, name := tierOf(id, names)
		rows = append(rows, summaryTierRow{SummaryByTier{tierID, name}, h.counts(all[id])})
	}
	return rows
}

func (h summaryCalls) counts(c stats.TransactionCounts) SummaryCounts {
	return SummaryCounts{drawsOf(c, h.minor), moneyOf(c.Amount.Sub(c.CancelledAmount), h.minor), moneyOf(c.Discount.Sub(c.CancelledDiscount), h.minor)}
}

func onlyTier(all map[int64]stats.TransactionCounts, tier *int64) map[int64]stats.TransactionCounts {
	if tier == nil {
		return all
	}
	c, some := all[*tier]
	if !some {
		return nil
	}
	return map[int64]stats.TransactionCounts{*tier: c}
}

// summaryCells is a row as CSV has it.
type summaryCells interface {
	names() []string
	cells(t *csvTable)
	numbers() SummaryCounts
}

// summaryOf answers in the form that the caller accepts. It is small: 2,400 rows at most.
func summaryOf[Row summaryCells](accept string, head SummaryHead, rows []Row, total SummaryCounts) *huma.StreamResponse {
	if !prefersCSV(accept) {
		return jsonResponse(summaryAnswer[Row]{head, rows, total})
	}
	var none Row
	var t csvTable
	t.header(append(none.names(), "draws", "wins", "capped", "amount", "discount", "cancelled", "cancelled_amount", "cancelled_discount", "net_amount", "net_discount")...)
	for _, row := range rows {
		row.cells(&t)
		c := row.numbers()
		for _, n := range [...]int64{c.Draws, c.Wins, c.Capped} {
			t.value(strconv.FormatInt(n, 10))
		}
		for _, s := range [...]string{c.Amount, c.Discount, strconv.FormatInt(c.Cancelled, 10), c.CancelledAmount, c.CancelledDiscount, c.NetAmount, c.NetDiscount} {
			t.value(s)
		}
		t.end()
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", csvMediaType)
		ctx.SetHeader("Content-Disposition", `attachment; filename="summary.csv"`)
		ctx.SetStatus(http.StatusOK)
		ctx.BodyWriter().Write(t.take()) //nolint:errcheck // it is buffered
	}}
}

func (c SummaryCounts) numbers() SummaryCounts { return c }

func (SummaryByTime) names() []string     { return []string{"at"} }
func (SummaryByTier) names() []string     { return []string{"tier_id", "tier_name"} }
func (SummaryByCustomer) names() []string { return []string{"customer_id", "username"} }

func (s SummaryByTime) cells(t *csvTable) { t.value(s.At.UTC().Format(time.RFC3339)) }

func (s SummaryByTier) cells(t *csvTable) {
	id := ""
	if s.TierID != nil {
		id = strconv.FormatInt(*s.TierID, 10)
	}
	t.value(id)
	t.text(textOf(s.TierName))
}

func (s SummaryByCustomer) cells(t *csvTable) {
	t.value(s.CustomerID)
	t.text(textOf(s.Username))
}
