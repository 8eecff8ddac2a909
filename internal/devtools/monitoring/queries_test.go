package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sespan/grafana"
	"sespan/internal/devtools/poll"
)

// question is a query that must have data.
type question struct {
	of  string // whose it is
	ask func(context.Context, *server) (bool, error)
}

// TestEveryQueryHasData runs a service in use under a real Prometheus with our rules.
func TestEveryQueryHasData(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	p := startPrometheus(t, site.Service)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the service said:\n%s", site.Log)
		}
	})
	site.use(t)
	began := time.Now()

	questions, panels, variables := ofDashboards(t)
	inPanels := len(questions) - variables
	recorded, alerts := 0, 0
	all, files, err := p.rules(t.Context())
	if shipped, _ := fs.Glob(grafana.Files, "prometheus/*.rules.yml"); err != nil || files != len(shipped) {
		t.Fatalf("rules of %d files were loaded, want %d: %v", files, len(shipped), err)
	}
	for _, r := range all {
		if r.Type == "alerting" {
			alerts++
		} else {
			recorded++
			questions = append(questions, instant("recording rule "+r.Name, r.Name))
		}
		// An idle alert has no data by design, but all that it looks at has.
		for _, s := range selectors(r.Query) {
			questions = append(questions, instant(r.Type+" rule "+r.Name+", "+s, s))
		}
	}
	wait(t, p, questions)
	t.Logf("%d panels with %d queries, %d variables, %d recording rules, %d alerts; %d questions in all, answered within %s",
		panels, inPanels, variables, recorded, alerts, len(questions), time.Since(began).Round(time.Second))
	alertsAre(t, p)
	// And it would have been told.
	for expr, fails := range map[string]bool{"sespan_gone": false, "sespan_build_info * NaN": false, "sum(": true} {
		if found, err := instant("", expr).ask(t.Context(), p); found || (err != nil) != fails {
			t.Errorf("%s has data: %v, %v", expr, found, err)
		}
	}
}

func instant(of, expr string) question {
	return question{of, func(ctx context.Context, p *server) (bool, error) {
		found, err := p.query(ctx, expr)
		return numbers(found), err
	}}
}

// wait asks until each question has had an answer.
func wait(t *testing.T, p *server, open []question) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	_ = poll.Until(ctx, time.Second, func() (bool, error) { // what is left open says more
		open = slices.DeleteFunc(open, func(q question) bool {
			found, err := q.ask(ctx, p)
			if err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", q.of, err)
				return true
			}
			return found
		})
		return len(open) == 0, nil
	})
	for _, q := range open {
		t.Errorf("no data: %s", q.of)
	}
}

var (
	variable  = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)
	reference = regexp.MustCompile(`\$[a-z_]+|\$\{[a-z_]+`) // ${1} is one of label_replace
)

// fill is what Grafana does with a dashboard's variables at a scrape every 15 seconds and "All".
var fill = strings.NewReplacer("$__rate_interval", "1m", "$__range", "6h", "$__interval", "15s", "$job", ".+", "$instance", ".+")

// ofDashboards are the questions of all panels and variables.
func ofDashboards(t *testing.T) (all []question, panels, variables int) {
	t.Helper()
	names, err := fs.Glob(grafana.Files, "dashboards/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		var board struct {
			Panels []struct {
				ID      int
				Title   string
				Targets []struct {
					Expr, RefID string
					Range       bool
				}
			}
			Templating struct {
				List []struct{ Name, Type, Query string }
			}
		}
		raw, err := grafana.Files.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(raw, &board)
		}
		if err != nil {
			t.Fatal(name, err)
		}
		for _, v := range board.Templating.List {
			if v.Type == "query" {
				variables++
				all = append(all, values(t, path.Base(name)+", variable "+v.Name, fill.Replace(v.Query)))
			}
		}
		for _, panel := range board.Panels {
			if len(panel.Targets) > 0 {
				panels++
			}
			for _, target := range panel.Targets {
				of := fmt.Sprintf("%s, panel %d %q, query %s: %s", path.Base(name), panel.ID, panel.Title, target.RefID, target.Expr)
				expr := fill.Replace(target.Expr)
				if unknown := reference.FindString(expr); unknown != "" {
					t.Errorf("%s: what is %s?", of, unknown)
				}
				q := instant(of, expr)
				if target.Range {
					q.ask = func(ctx context.Context, p *server) (bool, error) {
						found, err := p.over(ctx, expr)
						return numbers(found), err
					}
				}
				all = append(all, q)
			}
		}
	}
	return all, panels, variables
}

// values is the question of a variable.
func values(t *testing.T, of, query string) question {
	t.Helper()
	m := variable.FindStringSubmatch(query)
	if m == nil {
		t.Fatalf("%s: %s is no label_values(selector, label)", of, query)
	}
	return question{of, func(ctx context.Context, p *server) (bool, error) {
		var found []string
		err := p.get(ctx, "label/"+m[2]+"/values", url.Values{"match[]": {m[1]}}, &found)
		return len(found) > 0, err
	}}
}

// What the load leaves: a dead mail, a tier that is used up, a key whose owner was never compared.
var active = []string{"SespanMailDead", "SespanPeopleComparisonOld", "SespanTierBudgetLow", "SespanTierBudgetUsedUp"}

// alertsAre holds which alerts are pending or firing, and that no rule fails.
func alertsAre(t *testing.T, p *server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // looks at the database are 15 seconds apart
	defer cancel()
	var found []string
	err := poll.Until(ctx, time.Second, func() (bool, error) {
		all, _, err := p.rules(ctx)
		if err != nil {
			return false, err
		}
		found = nil
		for _, r := range all {
			if r.Health != "ok" || r.LastError != "" {
				return false, fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			// How long calls take depends on how busy the machine is.
			if r.Type == "alerting" && r.State != "inactive" && !strings.HasPrefix(r.Name, "SespanLatency") {
				found = append(found, r.Name)
			}
		}
		slices.Sort(found)
		return slices.Equal(found, active), nil
	})
	if err != nil {
		t.Errorf("active alerts are %q, want %q: %v", found, active, err)
	}
}
