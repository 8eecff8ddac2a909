package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

type kind string

const (
	graph    kind = "timeseries" // the default
	figure   kind = "stat"
	bars     kind = "bargauge"
	timeline kind = "state-timeline"
	rows     kind = "table"
)

// panel is one panel. Its zero values are those of a graph of half the width.
type panel struct {
	id          uint32
	kind        kind
	title       string
	description string
	unit        string
	queries     []query
	width       uint32
	height      uint32

	steps    []dashboard.Threshold // colours by value, the first from -Inf on
	limits   [2]float64            // lowest and highest value of the scale, where they are not both 0
	stacked  bool
	interval string            // least step; with one the graph is of bars
	colours  map[string]string // of a series by its legend
	words    map[string]word   // in place of values
	nothing  string            // in place of no value
	cols     []column          // of a table
}

// word stands for a value.
type word struct{ text, colour string }

func (p panel) columns() uint32 {
	switch {
	case p.width != 0:
		return p.width
	case p.kind == figure:
		return 4
	}
	return 12
}

func (p panel) lines() uint32 {
	switch {
	case p.height != 0:
		return p.height
	case p.kind == figure:
		return 4
	}
	return 8
}

func (p panel) build(x, y uint32, alerts []string) *dashboard.Panel {
	d := dashboard.NewPanel()
	if p.kind == "" {
		p.kind = graph
	}
	d.Type, d.Id, d.Title, d.Description = string(p.kind), &p.id, &p.title, &p.description
	d.RepeatDirection = nil // a default of the SDK that nothing here repeats by
	d.Datasource = source()
	d.GridPos = &dashboard.GridPos{H: p.lines(), W: p.columns(), X: x, Y: y}
	if p.interval != "" {
		d.Interval = &p.interval
	}
	for i, q := range p.queries {
		d.Targets = append(d.Targets, q.build(i, p.kind == rows))
	}
	d.Links = runbookLinks(alerts)
	d.FieldConfig = p.fields()
	d.Options, d.FieldConfig.Defaults.Custom = p.look()
	if p.kind == rows {
		d.Transformations = p.join()
		d.FieldConfig.Overrides = p.cells()
	}
	return d
}

func (p panel) fields() *dashboard.FieldConfigSource {
	f := dashboard.NewFieldConfigSource()
	f.Defaults.Unit = &p.unit
	if p.limits != [2]float64{} {
		f.Defaults.Min, f.Defaults.Max = &p.limits[0], &p.limits[1]
	} else if p.kind == graph {
		f.Defaults.Min = cog.ToPtr(0.0)
	}
	if p.nothing != "" {
		f.Defaults.NoValue = &p.nothing
	}
	steps, mode := p.steps, dashboard.FieldColorModeIdThresholds
	if steps == nil {
		steps = []dashboard.Threshold{{Color: "text"}}
	}
	if p.kind == graph {
		mode = dashboard.FieldColorModeIdPaletteClassicByName
	}
	f.Defaults.Thresholds = &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: steps}
	f.Defaults.Color = &dashboard.FieldColor{Mode: mode}
	if p.words != nil {
		f.Defaults.Mappings = []dashboard.ValueMapping{p.mapping()}
	}
	for _, legend := range sorted(p.colours) {
		f.Overrides = append(f.Overrides, dashboard.DashboardFieldConfigSourceOverrides{
			Matcher: dashboard.MatcherConfig{Id: "byName", Options: legend},
			Properties: []dashboard.DynamicConfigValue{{
				Id: "color", Value: dashboard.FieldColor{Mode: dashboard.FieldColorModeIdFixed, FixedColor: cog.ToPtr(p.colours[legend])},
			}},
		})
	}
	return f
}

func (p panel) mapping() dashboard.ValueMapping {
	options := map[string]dashboard.ValueMappingResult{}
	for i, value := range sorted(p.words) {
		w := p.words[value]
		options[value] = dashboard.ValueMappingResult{Text: &w.text, Color: &w.colour, Index: cog.ToPtr(int32(i))}
	}
	return dashboard.ValueMapping{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: options}}
}

// look is what each kind of panel has for itself: its options and those of its fields.
func (p panel) look() (options, custom any) {
	switch p.kind {
	case figure:
		return p.figureLook(), nil
	case bars:
		o := bargauge.NewOptions()
		o.Orientation, o.ReduceOptions.Calcs = common.VizOrientationHorizontal, []string{"lastNotNull"}
		o.DisplayMode, o.ValueMode = common.BarGaugeDisplayModeBasic, common.BarGaugeValueModeColor
		return o, nil
	case timeline:
		o := statetimeline.NewOptions()
		o.ShowValue, o.Legend.ShowLegend = common.VisibilityModeNever, true
		o.Tooltip.Mode, o.Tooltip.Sort = common.TooltipDisplayModeMulti, common.SortOrderNone
		return o, &statetimeline.FieldConfig{FillOpacity: cog.ToPtr[uint32](80), LineWidth: cog.ToPtr[uint32](0)}
	case rows:
		o := table.NewOptions()
		o.Footer = nil // gone from Grafana's own types
		c := table.NewFieldConfig()
		c.CellOptions = common.NewTableCellOptions()
		c.CellOptions.TableAutoCellOptions = common.NewTableAutoCellOptions()
		return o, c
	default:
		return p.graphLook()
	}
}

func (p panel) figureLook() *stat.Options {
	o := stat.NewOptions()
	o.Orientation, o.ReduceOptions.Calcs = common.VizOrientationAuto, []string{"lastNotNull"}
	if len(p.queries) == 1 && p.queries[0].instant || p.words != nil {
		o.GraphMode = common.BigValueGraphModeNone
	}
	if p.unit == units.Bool {
		o.ColorMode = common.BigValueColorModeBackground
	}
	return o
}

func (p panel) graphLook() (options, custom any) {
	o := timeseries.NewOptions()
	o.Legend.ShowLegend = true
	o.Tooltip.Mode, o.Tooltip.Sort = common.TooltipDisplayModeMulti, common.SortOrderDescending
	c := timeseries.NewFieldConfig()
	c.DrawStyle, c.LineWidth = cog.ToPtr(common.GraphDrawStyleLine), cog.ToPtr(1.0)
	c.FillOpacity, c.ShowPoints = cog.ToPtr(10.0), cog.ToPtr(common.VisibilityModeNever)
	c.SpanNulls = &common.BoolOrFloat64{Bool: cog.ToPtr(false)}
	if p.interval != "" {
		c.DrawStyle, c.FillOpacity = cog.ToPtr(common.GraphDrawStyleBars), cog.ToPtr(60.0)
	}
	if p.stacked {
		c.Stacking = &common.StackingConfig{Mode: cog.ToPtr(common.StackingModeNormal), Group: cog.ToPtr("A")}
		c.FillOpacity = cog.ToPtr(40.0)
	}
	if p.steps != nil {
		c.ThresholdsStyle = &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeDashed}
	}
	return o, c
}
