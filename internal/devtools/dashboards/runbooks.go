package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// runbooks are the alerts of each panel, by "<uid>/<panel>". The rules say which panel an
// alert leads to; the way back, from the panel to the alert's runbook, is made from them.
type runbooks map[string][]string

// panelURL is an alert's dashboard_url.
var panelURL = regexp.MustCompile(`^/d/([a-z-]+)\?viewPanel=(\d+)$`)

func readRunbooks(rules string) (runbooks, error) {
	files, err := filepath.Glob(filepath.Join(rules, "*.rules.yml"))
	if err != nil {
		return nil, err
	}
	found := runbooks{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the developer names the folder
		if err != nil {
			return nil, err
		}
		var content struct {
			Groups []struct {
				Rules []struct {
					Alert       string
					Annotations map[string]string
				}
			}
		}
		if err := yaml.Unmarshal(text, &content); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, g := range content.Groups {
			for _, r := range g.Rules {
				if m := panelURL.FindStringSubmatch(r.Annotations["dashboard_url"]); m != nil {
					panel := m[1] + "/" + m[2]
					found[panel] = append(found[panel], r.Alert)
				}
			}
		}
	}
	return found, nil
}

// missing names the panels that alerts lead to and that are not there.
func (r runbooks) missing(all []board) []string {
	there := map[string]bool{}
	for _, b := range all {
		for _, row := range b.rows {
			for _, p := range row.panels {
				there[fmt.Sprintf("%s/%d", b.uid(), p.id)] = true
			}
		}
	}
	var out []string
	for _, panel := range sorted(r) {
		if !there[panel] {
			out = append(out, fmt.Sprintf("%s of %v", panel, r[panel]))
		}
	}
	return out
}
