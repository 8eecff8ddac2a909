// Package grafana holds what Grafana and Prometheus read, for those who have the
// binary and no checkout: sespan dashboards export writes it out.
package grafana

import "embed"

// Files are the dashboards and the rules; their tests stay at home.
//
//go:embed dashboards/*.json prometheus/prometheus.yml prometheus/*.rules.yml
var Files embed.FS
