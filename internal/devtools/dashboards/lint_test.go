package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

const committed = "../../../grafana/dashboards"

// read reads a dashboard as the SDK does: an unknown or missing field, or one of another
// type, is an error, in the options of each kind of panel, too.
func read(text []byte) (*model, error) {
	err := new(model).UnmarshalJSONStrict(text)
	if faults, ok := errors.AsType[cog.BuildErrors](err); ok && len(faults) == 0 {
		err = nil // of the SDK: an empty list where there is no fault, for which it leaves panels out of what it read
	}
	d := &model{}
	return d, errors.Join(err, json.Unmarshal(text, d), d.Validate())
}

func readAll(t *testing.T) map[string]*model {
	t.Helper()
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob(filepath.Join(committed, "*.json"))
	if err != nil || len(files) != len(boards()) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	found := map[string]*model{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found[filepath.Base(file)], err = read(text); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return found
}

// What is committed obeys the rules of grafana/dashboard-linter, and some of our own.
func TestCommittedDashboards(t *testing.T) {
	t.Parallel()
	uids, panels, queries := map[string]string{}, 0, 0
	for file, d := range readAll(t) {
		for _, fault := range lint(d) {
			t.Errorf("%s: %s", file, fault)
		}
		if other := uids[*d.Uid]; other != "" {
			t.Errorf("%s and %s have one uid", file, other)
		}
		uids[*d.Uid] = file
		for _, p := range panelsOf(d) {
			panels++
			queries += len(p.Targets)
		}
	}
	t.Logf("%d dashboards, %d panels, %d queries", len(uids), panels, queries)
	if panels < 100 || queries < 120 {
		t.Errorf("only %d panels and %d queries were looked at", panels, queries)
	}
}

func panelsOf(d *model) []*dashboard.Panel {
	var out []*dashboard.Panel
	for _, p := range d.Panels {
		if p.Panel != nil {
			out = append(out, p.Panel)
		}
	}
	return out
}

// lint gives what is wrong with a dashboard.
func lint(d *model) []string {
	var faults []string
	say := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if d.Uid == nil || !strings.HasPrefix(*d.Uid, "sespan-") || empty(d.Title) || empty(d.Description) {
		say("dashboard: uid, title or description is missing")
	}
	if d.Editable == nil || *d.Editable {
		say("dashboard: editable, and yet the next start overwrites it")
	}
	if !slices.Equal(d.Tags, []string{"sespan"}) || len(d.Links) != 2 {
		say("dashboard: no tag, or no links to the others and to the runbooks")
	}
	faults = append(faults, lintVariables(d.Templating.List)...)
	ids := map[uint32]bool{}
	for _, p := range d.Panels {
		id := uint32(0)
		if p.RowPanel != nil {
			id = p.RowPanel.Id
			if empty(p.RowPanel.Title) || id%100 != 0 {
				say("row %d: no title, or no hundred", id)
			}
		} else {
			id = *p.Panel.Id
			for _, fault := range lintPanel(p.Panel) {
				say("panel %d: %s", id, fault)
			}
		}
		if id == 0 || ids[id] {
			say("panel %d: its id is 0 or taken", id)
		}
		ids[id] = true
	}
	return append(faults, lintGrid(d)...)
}

func empty(s *string) bool { return s == nil || strings.TrimSpace(*s) == "" }

// lintVariables is of the rules template-datasource, template-job, template-instance,
// template-label and template-on-time-change-reload.
func lintVariables(list []dashboard.VariableModel) []string {
	var faults []string
	say := func(v dashboard.VariableModel, what string) { faults = append(faults, "variable "+v.Name+": "+what) }
	names := []string{}
	for _, v := range list {
		names = append(names, v.Name)
		if empty(v.Label) || empty(v.Description) {
			say(v, "no label or description")
		}
		if v.Type == dashboard.VariableTypeDatasource {
			if v.Query == nil || v.Query.String == nil || *v.Query.String != "prometheus" {
				say(v, "not of Prometheus")
			}
			continue
		}
		if v.Type != dashboard.VariableTypeQuery || v.Datasource == nil || *v.Datasource.Uid != "$datasource" {
			say(v, "no query of $datasource")
			continue
		}
		if v.Refresh == nil || *v.Refresh != dashboard.VariableRefreshOnTimeRangeChanged {
			say(v, "not asked again when the range changes")
		}
		if v.Multi == nil || !*v.Multi || v.IncludeAll == nil || !*v.IncludeAll || v.AllValue == nil || *v.AllValue != ".+" {
			say(v, "not several values, or not .+ for all")
		}
		if v.Query == nil || v.Query.String == nil || !strings.HasSuffix(*v.Query.String, ", "+v.Name+")") {
			say(v, "not the values of its label")
		}
	}
	if !slices.Equal(names, []string{"datasource", "job", "instance"}) {
		faults = append(faults, fmt.Sprintf("variables: %v", names))
	}
	return faults
}

// lintPanel is of the rules panel-title-description, panel-datasource, panel-units,
// panel-no-targets and those of targets.
func lintPanel(p *dashboard.Panel) []string {
	var faults []string
	say := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if empty(p.Title) || empty(p.Description) || !strings.HasSuffix(*p.Description, ".") {
		say("no title, or no description that is a sentence")
	}
	if p.Datasource == nil || *p.Datasource.Uid != "$datasource" {
		say("not of $datasource")
	}
	if p.FieldConfig == nil || empty(p.FieldConfig.Defaults.Unit) {
		say("no unit")
	} else if unit := *p.FieldConfig.Defaults.Unit; !slices.Contains(unitsInUse, unit) {
		say("unit %q is not among those of Grafana that we use", unit)
	}
	if len(p.Targets) == 0 {
		say("no query")
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		q, ok := target.(*prometheus.Dataquery)
		if !ok {
			say("a query of another kind: %T", target)
			continue
		}
		if empty(q.RefId) || refs[*q.RefId] {
			say("a query without a letter of its own")
		}
		refs[*q.RefId] = true
		for _, fault := range lintQuery(p, q) {
			say("%s in %s", fault, q.Expr)
		}
	}
	return faults
}

// lintGrid holds that panels neither overlap nor leave a hole in a line.
func lintGrid(d *model) []string {
	var faults []string
	taken := map[[2]uint32]uint32{}
	lines := map[uint32]uint32{} // cells taken
	for _, p := range d.Panels {
		id, g := uint32(0), (*dashboard.GridPos)(nil)
		if p.RowPanel != nil {
			id, g = p.RowPanel.Id, p.RowPanel.GridPos
		} else {
			id, g = *p.Panel.Id, p.Panel.GridPos
		}
		for y := g.Y; y < g.Y+g.H; y++ {
			lines[y] += g.W
			for x := g.X; x < g.X+g.W; x++ {
				if other := taken[[2]uint32{x, y}]; other != 0 || x >= columns {
					faults = append(faults, fmt.Sprintf("panel %d: lies over %d or outside", id, other))
				}
				taken[[2]uint32{x, y}] = id
			}
		}
	}
	for y, width := range lines {
		if width != columns {
			faults = append(faults, fmt.Sprintf("line %d of the grid has %d of %d columns", y, width, columns))
		}
	}
	return faults
}

// Every metric stands in docs/metrics.md, or a recording rule makes it.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile("`(sespan_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		known[m[1]] = true
	}
	rules, err := filepath.Glob(filepath.Join(rulesFolder, "*.rules.yml"))
	if err != nil || len(rules) == 0 {
		t.Fatal(rules, err)
	}
	for _, file := range rules {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
	}
	selected := regexp.MustCompile(`(sespan_[a-z_]+|[a-z_]+:[a-z0-9_:]+)\{`)
	for file, d := range readAll(t) {
		for _, p := range panelsOf(d) {
			for _, target := range p.Targets {
				for _, m := range selected.FindAllStringSubmatch(target.(*prometheus.Dataquery).Expr, -1) {
					if !known[strings.TrimSuffix(m[1], "_bucket")] {
						t.Errorf("%s, panel %d: there is no %s", file, *p.Id, m[1])
					}
				}
			}
		}
	}
}
