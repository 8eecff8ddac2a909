package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

var unitsInUse = []string{
	units.Short, units.PercentUnit, units.Seconds, units.BytesIEC, units.RequestsPerSecond, units.CountsPerSecond,
	units.MessagesPerSecond, units.EventsPerSecond, units.Days, units.Hours, units.Bool, units.DateTimeFromNow,
}

var (
	quoted      = regexp.MustCompile(`"[^"]*"`)
	grouping    = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)`)
	metricUse   = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})?(\[[^\]]*\])?( *\()?`)
	rateCall    = regexp.MustCompile(`\b(rate|irate|increase|delta|deriv)\(`)
	rateWindow  = regexp.MustCompile(`\b(rate|irate|increase|delta|deriv)\([a-zA-Z_:][a-zA-Z0-9_:]*\{[^}]*\}\[([^\]]+)\]\)`)
	legendLabel = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	outerBy     = regexp.MustCompile(`\bby \(([^)]*)\)`)
	words       = []string{"and", "or", "unless", "bool", "offset", "Inf", "NaN"}
)

// fixedWindows may stand in place of $__rate_interval: $__range where the whole range is
// meant, and a window that the title names.
var fixedWindows = map[string]string{"1h": "hour", "1d": "day"}

// lintQuery is of the rules target-job, target-instance, target-rate-interval,
// target-counter-agg and of the target's legend.
func lintQuery(p *dashboard.Panel, q *prometheus.Dataquery) []string {
	var faults []string
	say := func(fault string) { faults = append(faults, fault) }
	if q.Datasource == nil || *q.Datasource.Uid != "$datasource" {
		say("not of $datasource")
	}
	if strings.Count(q.Expr, "(") != strings.Count(q.Expr, ")") {
		say("brackets do not match")
	}
	faults = append(faults, lintSelectors(q.Expr)...)
	faults = append(faults, lintShared(q.Expr)...)
	windows := rateWindow.FindAllStringSubmatch(q.Expr, -1)
	if len(windows) != len(rateCall.FindAllString(q.Expr, -1)) {
		say("a rate without a selector and a window")
	}
	for _, w := range windows {
		fixed := fixedWindows[w[2]]
		switch {
		case w[2] == "$__rate_interval":
		case w[2] == "$__range" && w[1] == "increase" && *q.Instant:
		case w[1] == "increase" && fixed != "" && strings.Contains(*p.Title, fixed):
		default:
			say("window " + w[2])
		}
	}
	return append(faults, lintLegend(q)...)
}

// sharedGauge is what every process reads from the same database, and its name is that of
// one number however many export it.
var (
	sharedGauge = regexp.MustCompile(`sespan_(stats|tier|partition|mail_queue|mail_oldest|mail_lost|mail_workers|mail_unclaimed|mail_broker_lag|budget|apilog_(max_)?bytes|schema|people|database_server)[a-z_]*\{`)
	onlyOnce    = regexp.MustCompile(`(max|min)( by \([^)]*\))? \(?((increase|delta|deriv)\()?$|(max|min)\($`)
)

// lintShared holds that what all processes share is not added up.
func lintShared(expr string) []string {
	var faults []string
	for _, at := range sharedGauge.FindAllStringIndex(expr, -1) {
		if name := expr[at[0] : at[1]-1]; !strings.HasPrefix(name, "sespan_stats_fold_failures") && !onlyOnce.MatchString(expr[:at[0]]) {
			faults = append(faults, name+" is the same in every process, and is not taken once")
		}
	}
	return faults
}

// lintSelectors looks at each metric: it has the matchers of job and instance (of what a
// recording rule made: of job), and a counter stands in a rate.
func lintSelectors(expr string) []string {
	var faults []string
	bare := grouping.ReplaceAllString(quoted.ReplaceAllStringFunc(expr, func(s string) string {
		return strings.NewReplacer("{", "", "}", "", "[", "", "]", "").Replace(s)
	}), "")
	found := 0
	for _, m := range metricUse.FindAllStringSubmatch(hideTexts(bare), -1) {
		name, matchers, window, call := m[1], m[2], m[3], m[4]
		if matchers == "" && (call != "" || slices.Contains(words, name)) {
			continue
		}
		found++
		if !strings.Contains(matchers, `job=~"$job"`) {
			faults = append(faults, name+" has no job")
		}
		if recorded := strings.Contains(name, ":"); recorded == strings.Contains(matchers, `instance=~"$instance"`) {
			faults = append(faults, name+" and its instance do not go together")
		}
		counter := strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum")
		if counter && window == "" {
			faults = append(faults, name+" is a counter without a rate")
		}
	}
	if found == 0 {
		faults = append(faults, "no metric")
	}
	return faults
}

// hideTexts takes the texts outside of matchers away, as those of label_replace.
func hideTexts(expr string) string {
	var out strings.Builder
	inside, text := false, false
	for _, r := range expr {
		switch {
		case r == '"' && !inside:
			text = !text
		case text:
		default:
			inside = (inside || r == '{') && r != '}'
			out.WriteRune(r)
		}
	}
	return out.String()
}

// lintLegend wants a legend that names what tells the series apart, and no label that
// the query does not keep.
func lintLegend(q *prometheus.Dataquery) []string {
	if empty(q.LegendFormat) {
		return []string{"no legend"}
	}
	var faults []string
	by := outerBy.FindStringSubmatch(q.Expr)
	if by == nil {
		return nil // one series, or one for each process
	}
	kept := strings.Split(strings.ReplaceAll(by[1], " ", ""), ",")
	for _, m := range legendLabel.FindAllStringSubmatch(*q.LegendFormat, -1) {
		if !slices.Contains(kept, m[1]) {
			faults = append(faults, "the legend names "+m[1]+", which is gone")
		}
	}
	return faults
}
