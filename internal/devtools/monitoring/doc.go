// Package monitoring runs a Prometheus as a site would, with the files of grafana/prometheus:
// the demonstration to look at, the tests to see that every query of every panel, variable,
// rule and alert has data.
//
//	load ──► sespan serve ◄── Prometheus, its rules ◄── every query
//	             │                 (scrapes and evaluates each second)
//	     PostgreSQL, SMTP server, Kafka (kfake)
package monitoring
