package main

import (
	"fmt"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// column is a column of a table: the query of the same place gives it. All queries of
// a table share their labels, by which their rows are joined.
type column struct {
	title string
	unit  string
	steps []dashboard.Threshold
}

// join makes one row of what the queries say of the same labels.
func (p panel) join() []dashboard.DataTransformerConfig {
	names := map[string]string{}
	for i, c := range p.cols {
		names[fmt.Sprintf("Value #%c", 'A'+i)] = c.title
	}
	return []dashboard.DataTransformerConfig{
		{Id: "merge", Options: map[string]any{}},
		{Id: "organize", Options: map[string]any{"excludeByName": map[string]bool{"Time": true}, "renameByName": names}},
	}
}

// cells gives each column its unit and its colours.
func (p panel) cells() []dashboard.DashboardFieldConfigSourceOverrides {
	var out []dashboard.DashboardFieldConfigSourceOverrides
	for _, c := range p.cols {
		properties := []dashboard.DynamicConfigValue{{Id: "unit", Value: c.unit}}
		if c.steps != nil {
			properties = slices.Concat(properties, []dashboard.DynamicConfigValue{
				{Id: "thresholds", Value: dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: c.steps}},
				{Id: "custom.cellOptions", Value: map[string]string{"type": "color-text"}},
			})
		}
		out = append(out, dashboard.DashboardFieldConfigSourceOverrides{
			Matcher: dashboard.MatcherConfig{Id: "byName", Options: c.title}, Properties: properties,
		})
	}
	return out
}
