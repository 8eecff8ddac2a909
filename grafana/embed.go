// Package grafana holds what Grafana and Prometheus read, for those who have the
// binary and no checkout: sespan dashboards export writes it out.
package grafana

import "embed"

// Files are the dashboards, the rules, and what Grafana and nginx are set up with; the
// tests of the rules stay at home.
//
//go:embed dashboards/*.json prometheus/prometheus.yml prometheus/*.rules.yml
//go:embed grafana.ini nginx.conf provisioning/datasources/sespan.yml provisioning/dashboards/sespan.yml
var Files embed.FS
