// Command dashboards writes the dashboards of grafana/dashboards, which are committed:
//
//	go run ./internal/devtools/dashboards            # what make generate does
//	go run ./internal/devtools/dashboards -list      # dashboard, panel and title, for links
//	go run ./internal/devtools/dashboards -types     # the committed files as typed TypeScript
//
// A dashboard is a board: rows of panels as plain values, one file each (overview.go,
// codes.go, …). Where a panel stands follows from its row and its width; its number is
// written down, because alerts and bookmarks link to it, and is never given again.
//
// Three rules make the numbers right when several processes serve one database:
//
//   - counters and histograms belong to a process and are summed, always through a rate;
//   - gauges that every process reads from the same database are the same number
//     many times: max by (job, …), then sum over jobs;
//   - "since ever" is asked of the database's own counts (sespan_stats_…): a process
//     counts from its start.
//
// An expression writes a metric with braces and its own matchers, sespan_mail_queue{state="dead"};
// the matchers of job and instance are put in by expand.
package main
