package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The SDK's note sends everybody to the schema of version 2, which Grafana reads through
// its Kubernetes-like API; files that it provisions are read in this one.
type (
	model = dashboard.Dashboard //nolint:staticcheck // what provisioning from files reads
)

// columns is the width of Grafana's grid.
const columns = 24

// board is one dashboard.
type board struct {
	name        string // of the file, and after "sespan-" the uid
	title       string
	description string
	rows        []row
}

// row is a heading with its panels, which fill lines of the grid from left to right.
type row struct {
	id     uint32 // hundreds; its panels count up from there
	title  string
	panels []panel
}

func (b board) uid() string  { return "sespan-" + b.name }
func (b board) file() string { return b.name + ".json" }

func (b board) build(of runbooks) *model {
	d := dashboard.NewDashboard()
	d.Uid, d.Title, d.Description = cog.ToPtr(b.uid()), cog.ToPtr("Sespan / "+b.title), cog.ToPtr(b.description)
	d.Tags = []string{"sespan"}
	d.Editable = cog.ToPtr(false)
	d.GraphTooltip = cog.ToPtr(dashboard.DashboardCursorSyncCrosshair)
	d.Time = &dashboard.DashboardDashboardTime{From: "now-6h", To: "now"}
	d.Refresh = cog.ToPtr("1m")
	d.Version = cog.ToPtr[uint32](1)
	d.Templating.List = variables()
	d.Links = links()
	var y uint32
	for _, r := range b.rows {
		heading := dashboard.NewRowPanel()
		heading.Id, heading.Title, heading.Panels = r.id, cog.ToPtr(r.title), []dashboard.Panel{}
		heading.GridPos = &dashboard.GridPos{H: 1, W: columns, Y: y}
		d.Panels = append(d.Panels, dashboard.PanelOrRowPanel{RowPanel: heading})
		y++
		var x, lineHeight uint32
		for _, p := range r.panels {
			if x+p.columns() > columns {
				x, y, lineHeight = 0, y+lineHeight, 0
			}
			d.Panels = append(d.Panels, dashboard.PanelOrRowPanel{Panel: p.build(x, y, of[fmt.Sprintf("%s/%d", b.uid(), p.id)])})
			x, lineHeight = x+p.columns(), max(lineHeight, p.lines())
		}
		y += lineHeight
	}
	return d
}

// source is the data source that the person chose.
func source() *common.DataSourceRef {
	return &common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("$datasource")}
}

func variables() []dashboard.VariableModel {
	chosen := dashboard.VariableModel{
		Type: dashboard.VariableTypeDatasource, Name: "datasource", Label: cog.ToPtr("Data source"),
		Query: &dashboard.StringOrMap{String: cog.ToPtr("prometheus")}, Hide: cog.ToPtr(dashboard.VariableHideDontHide),
		Description: cog.ToPtr("The Prometheus that scrapes Sespan."),
	}
	return []dashboard.VariableModel{
		chosen,
		labelVariable("job", "Job", "label_values(sespan_build_info, job)", "A job is one installation: the processes of one database."),
		labelVariable("instance", "Instance", `label_values(sespan_build_info{job=~"$job"}, instance)`, "A process of sespan serve."),
	}
}

func labelVariable(name, label, query, description string) dashboard.VariableModel {
	all := func(s string) dashboard.StringOrArrayOfString {
		return dashboard.StringOrArrayOfString{ArrayOfString: []string{s}}
	}
	return dashboard.VariableModel{
		Type: dashboard.VariableTypeQuery, Name: name, Label: &label, Description: &description,
		Query: &dashboard.StringOrMap{String: &query}, Datasource: source(),
		Multi: cog.ToPtr(true), IncludeAll: cog.ToPtr(true), AllValue: cog.ToPtr(".+"),
		Current: &dashboard.VariableOption{Selected: cog.ToPtr(true), Text: all("All"), Value: all("$__all")},
		Refresh: cog.ToPtr(dashboard.VariableRefreshOnTimeRangeChanged), Sort: cog.ToPtr(dashboard.VariableSortAlphabeticalAsc),
		Hide: cog.ToPtr(dashboard.VariableHideDontHide),
	}
}

// links lead to the other dashboards and to the runbooks. The path of the runbooks is
// that of the project; sespan dashboards export puts an address before it.
func links() []dashboard.DashboardLink {
	return []dashboard.DashboardLink{
		{
			Title: "Sespan", Type: dashboard.DashboardLinkTypeDashboards, Tags: []string{"sespan"}, Icon: "external link",
			Tooltip: "The other dashboards", KeepTime: true, IncludeVars: true,
		},
		{
			Title: "Runbooks", Type: dashboard.DashboardLinkTypeLink, Tags: []string{}, Icon: "doc",
			Tooltip: "What each alert means and what to do", Url: cog.ToPtr("docs/runbooks/README.md"), TargetBlank: true,
		},
	}
}

func runbookLinks(alerts []string) []dashboard.DashboardLink {
	var out []dashboard.DashboardLink
	for _, alert := range alerts {
		out = append(out, dashboard.DashboardLink{
			Title: "Runbook of " + alert, Type: dashboard.DashboardLinkTypeLink, Tags: []string{}, Icon: "doc",
			Tooltip: "What to do when " + alert + " fires", Url: cog.ToPtr("docs/runbooks/" + alert + ".md"), TargetBlank: true,
		})
	}
	return out
}
