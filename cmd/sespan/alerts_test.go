package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
)

const (
	rulesFolder    = "grafana/prometheus"
	boardsFolder   = "grafana/dashboards"
	runbooksFolder = "docs/runbooks"
)

// rule is one of a rule file: an alert or a recording rule.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

var (
	panelLink = regexp.MustCompile(`^/d/(sespan-[a-z-]+)\?viewPanel=(\d+)$`)
	pageLink  = regexp.MustCompile(`\]\((Sespan\w+)\.md\)`)
	headings  = []string{"What it means", "What the customer feels", "How to look", "How to mend", "How to silence"}
)

// Each alert leads to a page and a panel that are there, each page belongs to an alert,
// and promtool tries every alert firing and not firing, and every recording rule.
func TestAlertsPagesPanelsAndTheirTestsBelongTogether(t *testing.T) {
	t.Parallel()
	alerts, faults := alertFaults(t, os.DirFS("../.."))
	if alerts < 45 {
		t.Errorf("only %d alerts were read", alerts)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

func TestAlertFaults(t *testing.T) {
	t.Parallel()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	tree := fstest.MapFS{
		"grafana/dashboards/api.json": file(`{"uid": "sespan-api", "panels": [{"id": 7}]}`),
		"grafana/prometheus/sespan-a.rules.yml": file(`groups: [{rules: [
			{record: "job:a:sum"},
			{alert: SespanA, labels: {severity: page}, annotations: {summary: s, dashboard_url: "/d/sespan-api?viewPanel=8", runbook_url: "docs/runbooks/A.md"}}]}]`),
		"grafana/prometheus/sespan-a.rules_test.yml": file(`tests: [{promql_expr_test: [{expr: 'ALERTS{alertname="SespanB", alertstate="firing"}'}]}]`),
		"docs/runbooks/SespanA.md":                   file("# SespanA\n\n## What it means\n\n## How to look\n\nx\n"),
		"docs/runbooks/SespanC.md":                   file(""),
		"docs/runbooks/README.md":                    file("[SespanC](SespanC.md) [SespanD](SespanD.md)"),
	}
	_, got := alertFaults(t, tree)
	want := []string{
		"SespanA: its severity is page, neither critical nor warning", "SespanA: no description", "SespanA: sespan-api has no panel 8",
		"SespanA: its runbook_url is docs/runbooks/A.md", "SespanA: the headings of its page are [What it means How to look]", "SespanA: nothing below \"What it means\"",
		"SespanA: docs/runbooks/README.md does not name it", "SespanA: no test with promtool has it firing", "SespanA: no test with promtool has it silent",
		"job:a:sum: no test with promtool", "docs/runbooks/README.md: no alert SespanD", "docs/runbooks/SespanC.md: no alert has this page",
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("not found: %s", w)
		}
	}
	if len(got) != len(want)+1 { // the index names SespanC, too
		t.Errorf("found: %s", strings.Join(got, "\n"))
	}
}

// alertFaults gives the number of alerts and what is wrong with them.
func alertFaults(t *testing.T, tree fs.FS) (alerts int, faults []string) {
	t.Helper()
	panels, tried := readPanels(t, tree), readPromtoolTests(t, tree)
	index := read(t, tree, runbooksFolder+"/README.md")
	pages := map[string]bool{}
	for _, r := range readRules(t, tree) {
		if r.Record != "" {
			if !strings.Contains(tried.expressions, r.Record) {
				faults = append(faults, r.Record+": no test with promtool")
			}
			continue
		}
		if !pages[r.Alert] {
			alerts++
		}
		pages[r.Alert] = true
		for _, f := range slices.Concat(ruleFaults(r, panels), pageFaults(read(t, tree, runbooksFolder+"/"+r.Alert+".md")), tried.faults(r.Alert)) {
			faults = append(faults, r.Alert+": "+f)
		}
		if !strings.Contains(index, "]("+r.Alert+".md)") {
			faults = append(faults, r.Alert+": docs/runbooks/README.md does not name it")
		}
	}
	for _, m := range pageLink.FindAllStringSubmatch(index, -1) {
		if !pages[m[1]] {
			faults = append(faults, "docs/runbooks/README.md: no alert "+m[1])
		}
	}
	for _, p := range glob(t, tree, runbooksFolder+"/Sespan*.md") {
		if !pages[strings.TrimSuffix(path.Base(p), ".md")] {
			faults = append(faults, p+": no alert has this page")
		}
	}
	return alerts, faults
}

func ruleFaults(r rule, panels map[string]bool) (faults []string) {
	if s := r.Labels["severity"]; s != "critical" && s != "warning" {
		faults = append(faults, fmt.Sprintf("its severity is %s, neither critical nor warning", cmp.Or(s, "missing")))
	}
	for _, a := range []string{"summary", "description"} {
		if r.Annotations[a] == "" {
			faults = append(faults, "no "+a)
		}
	}
	if m := panelLink.FindStringSubmatch(r.Annotations["dashboard_url"]); m == nil {
		faults = append(faults, "its dashboard_url is "+r.Annotations["dashboard_url"])
	} else if !panels[m[1]+"/"+m[2]] {
		faults = append(faults, m[1]+" has no panel "+m[2])
	}
	if url := r.Annotations["runbook_url"]; url != runbooksFolder+"/"+r.Alert+".md" {
		faults = append(faults, "its runbook_url is "+url)
	}
	return faults
}

func pageFaults(page string) (faults []string) {
	var got []string
	for _, section := range strings.Split(page, "\n## ")[1:] {
		heading, text, _ := strings.Cut(section, "\n")
		got = append(got, heading)
		if strings.TrimSpace(text) == "" {
			faults = append(faults, fmt.Sprintf("nothing below %q", heading))
		}
	}
	if !slices.Equal(got, headings) {
		faults = append(faults, fmt.Sprint("the headings of its page are ", got))
	}
	return faults
}

func readRules(t *testing.T, tree fs.FS) (rules []rule) {
	t.Helper()
	for _, p := range glob(t, tree, rulesFolder+"/*.rules.yml") {
		var file struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal([]byte(read(t, tree, p)), &file); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		for _, g := range file.Groups {
			rules = append(rules, g.Rules...)
		}
	}
	return rules
}

// readPanels gives "dashboard/panel" of all dashboards.
func readPanels(t *testing.T, tree fs.FS) map[string]bool {
	t.Helper()
	panels := map[string]bool{}
	for _, p := range glob(t, tree, boardsFolder+"/*.json") {
		var board struct {
			UID    string
			Panels []struct{ ID int }
		}
		if err := json.Unmarshal([]byte(read(t, tree, p)), &board); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		for _, panel := range board.Panels {
			panels[fmt.Sprintf("%s/%d", board.UID, panel.ID)] = true
		}
	}
	return panels
}

// promtoolTests are what the tests with promtool ask for.
type promtoolTests struct {
	firing, silent map[string]bool
	expressions    string
}

func (p promtoolTests) faults(alert string) (faults []string) {
	if !p.firing[alert] {
		faults = append(faults, "no test with promtool has it firing")
	}
	if !p.silent[alert] {
		faults = append(faults, "no test with promtool has it silent")
	}
	return faults
}

var firingAlert = regexp.MustCompile(`^ALERTS\{.*\balertname="(\w+)".*\}$`)

// readPromtoolTests takes an expression of one alert that gives nothing as a test of its
// silence, and each series that is expected to fire as one of its firing.
func readPromtoolTests(t *testing.T, tree fs.FS) promtoolTests {
	t.Helper()
	all := promtoolTests{firing: map[string]bool{}, silent: map[string]bool{}}
	for _, p := range glob(t, tree, rulesFolder+"/*.rules_test.yml") {
		var file struct {
			Tests []struct {
				Expressions []struct {
					Expr    string
					Samples []struct{ Labels string } `yaml:"exp_samples"`
				} `yaml:"promql_expr_test"`
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, tree, p)), &file); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		for _, test := range file.Tests {
			for _, e := range test.Expressions {
				all.expressions += e.Expr + "\n"
				if m := firingAlert.FindStringSubmatch(e.Expr); m != nil && len(e.Samples) == 0 {
					all.silent[m[1]] = true
				}
				for _, s := range e.Samples {
					if m := firingAlert.FindStringSubmatch(s.Labels); m != nil && strings.Contains(s.Labels, `alertstate="firing"`) {
						all.firing[m[1]] = true
					}
				}
			}
		}
	}
	return all
}

func glob(t *testing.T, tree fs.FS, pattern string) []string {
	t.Helper()
	found, err := fs.Glob(tree, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// read gives "" for a file that is not there.
func read(t *testing.T, tree fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(tree, name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
