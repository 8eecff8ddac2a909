package main

import (
	"maps"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The colours: good, worth a look, wrong.
const (
	green  = "green"
	orange = "orange"
	red    = "red"
	grey   = "text"
	blue   = "blue"
)

// above is green, and another colour from each value on.
func above(warn, wrong float64) []dashboard.Threshold {
	return []dashboard.Threshold{{Color: green}, {Color: orange, Value: &warn}, {Color: red, Value: &wrong}}
}

// wrongFrom is green, and red from a value on.
func wrongFrom(wrong float64) []dashboard.Threshold {
	return []dashboard.Threshold{{Color: green}, {Color: red, Value: &wrong}}
}

// warnFrom is green, and orange from a value on.
func warnFrom(warn float64) []dashboard.Threshold {
	return []dashboard.Threshold{{Color: green}, {Color: orange, Value: &warn}}
}

// below is red, then orange, and green from the second value on.
func below(warn, fine float64) []dashboard.Threshold {
	return []dashboard.Threshold{{Color: red}, {Color: orange, Value: &warn}, {Color: green, Value: &fine}}
}

// between is green within ±warn and red from ±wrong on.
func between(warn, wrong float64) []dashboard.Threshold {
	return []dashboard.Threshold{
		{Color: red},
		{Color: orange, Value: cog.ToPtr(-wrong)},
		{Color: green, Value: cog.ToPtr(-warn)},
		{Color: orange, Value: &warn},
		{Color: red, Value: &wrong},
	}
}

// onOff are the words of a gauge of 0 and 1 where 1 is good.
func onOff(on, off string) map[string]word {
	return map[string]word{"1": {on, green}, "0": {off, red}}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
