package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// query is one expression of a panel.
type query struct {
	expr    string
	legend  string // {{label}} for what tells its series apart
	instant bool   // only the newest value is asked for
}

var (
	selector   = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^{}]*)\}`)
	whitespace = regexp.MustCompile(`\s+`)
)

// expand puts the matchers of job and instance into each selector and takes line breaks
// out. What a recording rule made (its name has a colon) has no instance.
func expand(expr string) string {
	expr = strings.TrimSpace(whitespace.ReplaceAllString(expr, " "))
	return selector.ReplaceAllStringFunc(expr, func(s string) string {
		m := selector.FindStringSubmatch(s)
		matchers := []string{`job=~"$job"`}
		if !strings.Contains(m[1], ":") {
			matchers = append(matchers, `instance=~"$instance"`)
		}
		if m[2] != "" {
			matchers = append(matchers, m[2])
		}
		return m[1] + "{" + strings.Join(matchers, ", ") + "}"
	})
}

func (q query) build(place int, asTable bool) variants.Dataquery {
	d := prometheus.NewDataquery()
	d.RefId = cog.ToPtr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place : place+1])
	d.Datasource = source()
	d.Expr = expand(q.expr)
	d.LegendFormat = &q.legend
	d.EditorMode = cog.ToPtr(prometheus.QueryEditorModeCode)
	d.Instant, d.Range = cog.ToPtr(q.instant || asTable), cog.ToPtr(!q.instant && !asTable)
	d.Format = cog.ToPtr(prometheus.PromQueryFormatTimeSeries)
	if asTable {
		d.Format = cog.ToPtr(prometheus.PromQueryFormatTable)
	}
	return *d
}

// of is the query of a panel that has one.
func of(expr, legend string) []query { return []query{{expr: expr, legend: legend}} }

// newest is the query of a figure whose expression covers the whole range by itself.
func newest(expr, legend string) []query { return []query{{expr: expr, legend: legend, instant: true}} }

// shared is a gauge that every process reads from the same database.
func shared(metric, labels string) string {
	by := "job"
	if labels != "" {
		by += ", " + labels
	}
	return fmt.Sprintf("max by (%s) (%s)", by, metric)
}

// ever is the sum of a count of the database, by labels of it ("" for one number).
func ever(metric, all, by string) string {
	if by == "" {
		return fmt.Sprintf("sum(%s)", shared(metric, all))
	}
	return fmt.Sprintf("sum by (%s) (%s)", by, shared(metric, all))
}

// quantiles are those of a histogram, over all processes.
func quantiles(bucket string, ranks ...string) []query {
	var out []query
	for _, rank := range ranks {
		out = append(out, query{
			expr:   fmt.Sprintf("histogram_quantile(0.%s, sum by (le) (rate(%s[$__rate_interval])))", rank, bucket),
			legend: "p" + rank,
		})
	}
	return out
}
