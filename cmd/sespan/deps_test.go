package main

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mostModules is how many direct modules may ship; each is named in CONTRIBUTING.
const mostModules = 26

// What is for development stays out of the program that ships, and what ships has
// few modules of others.
func TestWhatShips(t *testing.T) {
	t.Parallel()
	// A module that only tests import directly may ship as a part of another one.
	const format = `{{.ImportPath}} {{with .Module}}{{if .Main}}ours{{else}}{{.Path}}{{end}}{{else}}std{{end}} {{join .Imports " "}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	direct, indirect := map[string]bool{}, map[string]bool{}
	moduleOf, imported := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(fields[0], "sespan/internal/devtools") || strings.Contains(fields[0], "embedded-postgres") {
			t.Errorf("%s is for development", fields[0])
		}
		moduleOf[fields[0]] = fields[1]
		for _, other := range fields[2:] {
			imported[other] = imported[other] || fields[1] == "ours"
		}
	}
	for path, module := range moduleOf {
		if module != "ours" && module != "std" && imported[path] {
			direct[module] = true
		}
	}
	for _, module := range moduleOf {
		if module != "ours" && module != "std" && !direct[module] {
			indirect[module] = true
		}
	}
	names := slices.Sorted(maps.Keys(direct))
	t.Logf("%d direct modules, %d indirect: %s", len(direct), len(indirect), strings.Join(names, " "))
	if len(direct) == 0 || len(direct) > mostModules {
		t.Errorf("%d direct modules ship, at most %d may: %v", len(direct), mostModules, names)
	}
}
