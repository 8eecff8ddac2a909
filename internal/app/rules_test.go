package app

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	metricOfARule    = regexp.MustCompile(`(?:^|[^:\w])(sespan_\w+)(?:\{([^}]*)\})?`)
	matcherOfIt      = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
	labelsOfARule    = regexp.MustCompile(`by \(([^)]*)\)`)
	commandOfTheSite = regexp.MustCompile(`manage\.py sespan_\w+`)
	seriesScraped    = regexp.MustCompile(`(?m)^(sespan_\w+)(?:\{(.*)\})? `)
)

// The rules that ship look at what is exported: each metric, each label and each value
// that they name stands in docs/metrics.md, which another test holds against the service.
func TestRulesNameWhatIsExported(t *testing.T) {
	t.Parallel()
	lines, _ := readMetricsPage(t)
	files, err := filepath.Glob(filepath.Join("..", "..", "grafana", "prometheus", "*.rules.yml"))
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named, faults := faultsOfRules(string(text), lines)
		if named == 0 {
			t.Errorf("%s: no metric was read", file)
		}
		for _, f := range faults {
			t.Errorf("%s: %s", filepath.Base(file), f)
		}
	}
}

func TestFaultsOfRules(t *testing.T) {
	t.Parallel()
	lines := map[string]metric{
		"sespan_a_total":   {labels: map[string][]string{"event": {"lost", "sent"}, "tier": {}}, open: map[string]bool{"tier": true}},
		"sespan_b_seconds": {},
	}
	for rules, want := range map[string]string{
		`sum by (job, event) (sespan_a_total{event=~"sent|lost", tier="7"})`: "",
		`sespan_b_seconds_bucket{le="0.5"} / sespan_b_seconds_count`:         "",
		`job:sespan_gone:rate5m > 0`:                                         "",
		`sespan_gone > 0`:                                                    "sespan_gone is not exported",
		`sespan_a_total{event=~"sent|gone"}`:                                 "sespan_a_total has no event gone",
		`sespan_a_total{code="500"}`:                                         "sespan_a_total has no label code",
		`sum by (queue) (sespan_a_total)`:                                    "no metric has the label queue",
	} {
		if _, got := faultsOfRules(rules, lines); strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, not %q", rules, got, want)
		}
	}
}

// faultsOfRules gives how many metrics a rule file names, and what of it is not exported.
func faultsOfRules(rules string, lines map[string]metric) (named int, faults []string) {
	labels := map[string]bool{"job": true, "instance": true, "version": true}
	for _, l := range lines {
		for label := range maps.Keys(l.labels) {
			labels[label] = true
		}
	}
	for _, m := range metricOfARule.FindAllStringSubmatch(commandOfTheSite.ReplaceAllString(rules, ""), -1) {
		named++
		line, known := lines[m[1]]
		if !known {
			line, known = lines[partOfAFamily.ReplaceAllString(m[1], "")]
		}
		if !known {
			faults = append(faults, m[1]+" is not exported")
			continue
		}
		for _, matcher := range matcherOfIt.FindAllStringSubmatch(m[2], -1) {
			faults = append(faults, faultsOfMatcher(m[1], matcher[1], matcher[3], line)...)
		}
	}
	for _, by := range labelsOfARule.FindAllStringSubmatch(rules, -1) {
		for label := range strings.SplitSeq(by[1], ", ") {
			if !labels[label] {
				faults = append(faults, "no metric has the label "+label)
			}
		}
	}
	return named, faults
}

func faultsOfMatcher(name, label, values string, line metric) (faults []string) {
	closed, known := line.labels[label]
	switch {
	case label == "le" || label == "job" || line.open[label]:
		return nil
	case !known:
		return []string{name + " has no label " + label}
	}
	for value := range strings.SplitSeq(values, "|") {
		if !slices.Contains(closed, value) {
			faults = append(faults, name+" has no "+label+" "+value)
		}
	}
	return faults
}
