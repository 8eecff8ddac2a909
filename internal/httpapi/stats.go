package httpapi

import (
	"cmp"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/stats"
	"sespan/internal/transaction"
)

type (
	// StatsQuery is what all calls about counts take. Exported: huma looks into no other embedded struct.
	StatsQuery struct {
		From string `query:"from" maxLength:"40" doc:"First moment, on a quarter of an hour: an RFC 3339 time, or a date YYYY-MM-DD, the start of that day in SESPAN_TIME_ZONE. By default 24 hours, 30 days, 26 weeks or 24 months before to."`
		To   string `query:"to" maxLength:"40" doc:"First moment after it, written as from; the end of the present step by default."`
		Step string `query:"step" enum:"hour,day,week,month" default:"day" doc:"Length of a bucket; weeks begin on Monday (ISO 8601)."`
	}
	statsRequest struct{ StatsQuery }

	// StatsRange is the part that all answers share.
	StatsRange struct {
		From     time.Time `json:"from" doc:"First moment of the range."`
		To       time.Time `json:"to" doc:"First moment after it."`
		Step     string    `json:"step" enum:"hour,day,week,month"`
		TimeZone string    `json:"time_zone" example:"Asia/Jakarta" doc:"Whose hours, days, weeks and months."`
	}
)

// statsCalls are the calls about counts.
type statsCalls struct {
	reader stats.Reader
	zone   *time.Location
	clock  func() time.Time
	minor  transaction.Minor
}

const statsDocs = "Numbers are exact at any moment and never scan the log. total is the range's, previous that of the period of equal length just before it, " +
	"ever since counting began. Every step that overlaps the range has its bucket, at most 2,400; one that the range cuts counts what lies inside."

func registerStats(api huma.API, d Deps) {
	h := statsCalls{d.Counts, cmp.Or(d.Zone, time.UTC), d.Clock, d.Minor}
	op := func(noun, summary, text string) huma.Operation {
		return describe(operation(apilog.Report, http.MethodGet, "/v1/stats/"+noun, "get-stats-"+noun, summary, http.StatusOK, access.RoleDashboard, access.RoleAdmin),
			text+" "+statsDocs)
	}
	register(api, op("api-hits", "Count API calls", "Calls by type, with latencies estimated from a histogram."), h.apiHits)
	register(api, op("otp", "Count one-time codes", "Codes by purpose, and their growth: cumulative numbers reach from the first code to the bucket's end."), h.otp)
	register(api, op("outcomes", "Count successes and failures", "Outcomes of calls by type; of a login its own."), h.outcomes)
	register(api, op("transactions", "Count draws and discounts", "Draws at their time and cancellations at theirs, and the rate of wins of each tier beside the promised one."), h.transactions)
	register(api, op("mail", "Count mails", "Mails by what became of them, one for each recipient."), h.mail)
}

// rangeOf reads the query.
func (h statsCalls) rangeOf(q StatsQuery, parameter string) (stats.Range, error) {
	from, to, err := parseRange(q.From, q.To, h.zone)
	if err != nil {
		return stats.Range{}, err
	}
	return stats.Calendar{Zone: h.zone}.Range(stats.Want{From: from, To: to, Step: stats.Step(q.Step), Parameter: parameter}, h.clock())
}

func rangeAnswer(r stats.Range) StatsRange {
	return StatsRange{From: r.From, To: r.To, Step: string(r.Step), TimeZone: r.Calendar.Zone.String()}
}

// requestTypes are those that calls are counted by.
func requestTypes() []apilog.RequestType {
	return []apilog.RequestType{apilog.OTP, apilog.Login, apilog.Transaction, apilog.Report, apilog.Admin}
}

// sumOf adds the values of a map.
func sumOf[K comparable, C interface{ Add(other C) C }](all map[K]C) C {
	var sum C
	for _, c := range all {
		sum = sum.Add(c)
	}
	return sum
}
