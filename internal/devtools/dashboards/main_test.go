package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
)

const rulesFolder = "../../../grafana/prometheus"

// make generate writes what is committed.
func TestCommittedIsGenerated(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := run(t.Output(), folder, rulesFolder, false, false); err != nil {
		t.Fatal(err)
	}
	for _, b := range boards() {
		made, err := os.ReadFile(filepath.Join(folder, b.file()))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join(committed, b.file()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(made, kept) {
			t.Errorf("grafana/dashboards/%s is stale: run make generate", b.file())
		}
	}
}

// An alert whose panel is gone leads to an empty page.
func TestAlertsLeadToPanels(t *testing.T) {
	t.Parallel()
	rules := t.TempDir()
	text := "groups:\n- rules:\n  - alert: A\n    annotations: {dashboard_url: '/d/sespan-codes?viewPanel=999'}\n" +
		"  - alert: B\n    annotations: {dashboard_url: '/d/sespan-codes?viewPanel=101'}\n"
	if err := os.WriteFile(filepath.Join(rules, "a.rules.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Output(), t.TempDir(), rules, false, false)
	if err == nil || !strings.Contains(err.Error(), "sespan-codes/999 of [A]") || strings.Contains(err.Error(), "101") {
		t.Errorf("%v", err)
	}
	alerts, err := readRunbooks(rules)
	if err != nil {
		t.Fatal(err)
	}
	made, err := codes().json(alerts)
	if err != nil || !bytes.Contains(made, []byte(`"url": "docs/runbooks/B.md"`)) {
		t.Errorf("the panel does not link to the runbook of its alert: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printList(&out)
	if !strings.Contains(out.String(), "sespan-mail-queue\t102\tOldest\n") {
		t.Errorf("%s", out.String())
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"up{}":                                  `up{job=~"$job", instance=~"$instance"}`,
		"sum(\n\trate(a_total{b=\"c\"}[5m]))":   `sum( rate(a_total{job=~"$job", instance=~"$instance", b="c"}[5m]))`,
		"job:a:b{} / on (x) c{d!=\"none\"} > 0": `job:a:b{job=~"$job"} / on (x) c{job=~"$job", instance=~"$instance", d!="none"} > 0`,
	} {
		if got := expand(expr); got != want {
			t.Errorf("%s gives %s", expr, got)
		}
	}
}

// Each rule refuses what breaks it: a dashboard that passes is changed in one place.
func TestLintFinds(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	text, err := overview().json(nil)
	if err != nil {
		t.Fatal(err)
	}
	good, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if faults := lint(good); len(faults) != 0 {
		t.Fatalf("%v", faults)
	}
	for _, c := range []struct{ name, old, replacement, want string }{
		{"title", `"title": "API hits a second"`, `"title": ""`, "panel 103: no title"},
		{"description", `Requests a second on the public port, of all processes.`, ``, "panel 103: no title, or no description"},
		{"unit", `"unit": "reqps"`, `"unit": "requests"`, `unit "requests" is not`},
		{"source", `"uid": "$datasource"`, `"uid": "prom"`, "not of $datasource"},
		{"job", `sum(up{job=~\"$job\", `, `sum(up{`, "up has no job"},
		{"instance", `sum(up{job=~\"$job\", instance=~\"$instance\"})`, `sum(up{job=~\"$job\"})`, "up and its instance"},
		{"window", `[$__rate_interval]`, `[5m]`, "window 5m"},
		{"counter", `sum(up{`, `sum(sespan_logins_total{`, "is a counter without a rate"},
		{"bare metric", `sum(up{job=~\"$job\", instance=~\"$instance\"})`, `sum(up)`, "up has no job"},
		{"shared", `sum(max by (job) (sespan_stats_mails`, `sum((sespan_stats_mails`, "is the same in every process"},
		{"legend", `"legendFormat": "processes"`, `"legendFormat": ""`, "no legend"},
		{"legend's label", `"legendFormat": "{{class}}"`, `"legendFormat": "{{code}}"`, "the legend names code"},
		{"id", `"id": 102`, `"id": 101`, "panel 101: its id is 0 or taken"},
		{"overlap", `"x": 4`, `"x": 3`, "lies over"},
		{"hole", `"w": 4`, `"w": 3`, "of the grid has"},
		{"variable", `"name": "instance"`, `"name": "node"`, "variables:"},
		{"all", `"allValue": ".+"`, `"allValue": ".*"`, "not .+ for all"},
		{"refresh", `"refresh": 2`, `"refresh": 1`, "not asked again"},
		{"editable", `"editable": false`, `"editable": true`, "editable"},
	} {
		d, err := read(bytes.Replace(text, []byte(c.old), []byte(c.replacement), 1))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if faults := strings.Join(lint(d), "; "); !strings.Contains(faults, c.want) {
			t.Errorf("%s: %q", c.name, faults)
		}
	}
}

// A field that Grafana does not know is a setting that does nothing.
func TestReadIsStrict(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	text, err := overview().json(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"a field of the dashboard": {`"schemaVersion": 42`, `"schemaVersion": 42, "schema": 42`},
		"an option of a stat":      {`"wideLayout": true`, `"wideLayout": true, "wide": true`},
		"a field of a graph":       {`"lineWidth": 1`, `"lineWidth": 1, "lineColour": "red"`},
		"a field of a query":       {`"refId": "A"`, `"refId": "A", "expression": ""`},
		"another type":             {`"schemaVersion": 42`, `"schemaVersion": "42"`},
		"another unit's type":      {`"unit": "short"`, `"unit": 1`},
	} {
		changed := bytes.Replace(text, []byte(c[0]), []byte(c[1]), 1)
		if bytes.Equal(changed, text) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := read(changed); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}
