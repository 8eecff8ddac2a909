package monitoring

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// token is a text, a grouping, a window, an offset, a number, or a word: a metric with or
// without matchers, a function, a keyword.
var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\[[^\]]*\]|\boffset\s+\w+|\b\d[\w.]*|` +
	`([a-zA-Z_:][a-zA-Z0-9_:]*)(\s*\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})?`)

// A new one is taken for a metric, which has no data, until it stands here.
var (
	keywords  = []string{"and", "or", "unless", "bool"}
	functions = []string{
		"abs", "changes", "count", "delta", "group", "histogram_quantile", "increase", "label_replace", "last_over_time", "max", "max_over_time", "min", "min_over_time",
		"rate", "sqrt", "sum", "sum_over_time", "time", "topk", "vector",
	}
)

// selectors are those of an expression, without windows and offsets.
func selectors(expr string) []string {
	var found []string
	for _, m := range token.FindAllStringSubmatch(expr, -1) {
		name, matchers := m[1], m[2]
		word := matchers == "" && (slices.Contains(keywords, name) || slices.Contains(functions, name))
		if name == "" || word || slices.Contains(found, name+matchers) {
			continue
		}
		found = append(found, name+matchers)
	}
	return found
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`up`: `up`,
		`sum by (job, pool) (rate(a_total{x=~"b{2}|c", y!="d\"e"}[10m])) > 1.5e3`:                `a_total{x=~"b{2}|c", y!="d\"e"}`,
		`abs(a:b:rate5m) > 4.5 and on (job) group_left () c offset 1d unless c{z="by (q)"} == 1`: `a:b:rate5m | c | c{z="by (q)"}`,
		`time() - max(s) > 26 * 3600 or label_replace(vector(1), "x", "some words", "", "")`:     `s`,
		`min_over_time(a[1h]) / (sum(b) > bool 0)`:                                               `a | b`,
		`unknown(a)`: `unknown | a`,
	} {
		if got := strings.Join(selectors(expr), " | "); got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
}
