package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// api shows the service level, what the service runs short of, and what it stands on.
func api() board {
	return board{
		name: "api", title: "API and service level",
		description: "Objectives and burn rates, latency, saturation, the database, the API log, counting and the Go runtime.",
		rows: []row{
			{100, "Service level of 30 days", apiFigures()},
			{200, "Burn rates", apiBurn()},
			{300, "Calls", apiCalls()},
			{400, "Saturation", apiSaturation()},
			{500, "Database", apiDatabase()},
			{600, "Partitions, counting and the API log", apiKeeping()},
			{700, "Process and Go runtime", apiRuntime()},
		},
	}
}

// The objectives: of the calls of customers (codes, logins, draws) 99.9 % are answered
// without a 5xx and 99 % within half a second. The ratios are made by the rules of
// grafana/prometheus/sespan-api.rules.yml; a burn rate of 1 uses up a budget in 30 days.
func burn(ratio, budget string, windows ...string) []query {
	var out []query
	for _, w := range windows {
		out = append(out, query{expr: "max(job:" + ratio + ":ratio_rate" + w + "{}) / " + budget, legend: w})
	}
	return out
}

func apiFigures() []panel {
	return []panel{
		{
			id: 101, kind: figure, title: "Error budget left", unit: units.PercentUnit, nothing: "no calls",
			description: "Of the 0.1 % of customers' calls that may fail within 30 days, the share that is left. Below 0 the objective is missed.",
			queries:     of(`min(job:sespan_http_error_budget:ratio30d{})`, "left"), steps: below(0, 0.25),
		},
		{
			id: 102, kind: figure, title: "Latency budget left", unit: units.PercentUnit, nothing: "no calls",
			description: "Of the 1 % of customers' calls that may take over half a second within 30 days, the share that is left.",
			queries:     of(`min(job:sespan_http_latency_budget:ratio30d{})`, "left"), steps: below(0, 0.25),
		},
		{
			id: 103, kind: figure, title: "Customers' calls a second", unit: units.RequestsPerSecond,
			description: "Calls of codes, logins and draws a second, over five minutes.",
			queries:     of(`sum(job:sespan_http_requests:rate5m{})`, "calls"),
		},
		{
			id: 104, kind: figure, title: "In flight", unit: units.Short,
			description: "Requests on the public port that have no answer yet, of all processes.",
			queries:     of(`sum(sespan_http_requests_in_flight{})`, "in flight"),
		},
		{
			id: 105, kind: figure, title: "Database", unit: units.Bool,
			description: "Whether every process reaches the database.",
			queries:     of(`min(sespan_database_up{})`, "database"), words: onOff("up", "down"),
		},
		{
			id: 106, kind: figure, title: "Processes", unit: units.Short,
			description: "Processes of sespan serve that Prometheus reaches.",
			queries:     of(`sum(up{})`, "processes"), steps: below(1, 1),
		},
	}
}

func apiBurn() []panel {
	return []panel{
		{
			id: 201, title: "Failures: burn rate", unit: units.Short, nothing: "no calls",
			description: "How fast the error budget is used up: 1 lasts 30 days, 14.4 lasts two. Somebody is woken at 14.4 (1h and 5m) and 6 (6h and 30m); 3 (1d and 2h) and 1 (3d and 6h) can wait.",
			queries:     burn("sespan_http_failures_per_requests", "0.001", "5m", "30m", "1h", "2h", "6h", "1d", "3d"), steps: above(6, 14.4),
		},
		{
			id: 202, title: "Slow answers: burn rate", unit: units.Short, nothing: "no calls",
			description: "How fast the latency budget is used up (1 % of customers' calls may take over half a second): 1 lasts 30 days, 14.4 lasts two.",
			queries:     burn("sespan_http_slow_per_requests", "0.01", "5m", "30m", "1h", "2h", "6h", "1d", "3d"), steps: above(6, 14.4),
		},
		{
			id: 203, title: "Failed", unit: units.PercentUnit, nothing: "no calls",
			description: "Share of customers' calls that ended in a 5xx. The line is the objective.",
			queries:     of(`max by (job) (job:sespan_http_failures_per_requests:ratio_rate5m{})`, "{{job}}"), steps: wrongFrom(0.001),
		},
		{
			id: 204, title: "Slower than half a second", unit: units.PercentUnit, nothing: "no calls",
			description: "Share of customers' calls that took longer than 500 ms. The line is the objective.",
			queries:     of(`max by (job) (job:sespan_http_slow_per_requests:ratio_rate5m{})`, "{{job}}"), steps: wrongFrom(0.01),
		},
	}
}

func apiCalls() []panel {
	return []panel{
		{
			id: 301, title: "Traffic", unit: units.RequestsPerSecond, stacked: true,
			description: "Requests a second by request type; none are calls of no known route.",
			queries:     of(`sum by (request_type) (rate(`+calls+`[$__rate_interval]))`, "{{request_type}}"),
		},
		{
			id: 302, title: "Refusals and failures by status", unit: units.RequestsPerSecond, stacked: true, nothing: "none",
			description: "Answers that are no success: 401 and 403 are callers without a right, 429 limits, 503 a busy or missing database, 500 a mistake of ours.",
			queries:     of(`sum by (code) (rate(sespan_http_requests_total{code=~"[45].."}[$__rate_interval]))`, "{{code}}"),
		},
		{
			id: 303, title: "Latency", unit: units.Seconds,
			description: "From the request's header to the answer, the API log's commit included; of a stream, to its first byte.",
			queries:     quantiles(seconds, "50", "95", "99"), steps: wrongFrom(0.5),
		},
		{
			id: 304, title: "Latency by type, p95", unit: units.Seconds,
			description: "Of twenty answers nineteen were faster.",
			queries:     of(`histogram_quantile(0.95, sum by (le, request_type) (rate(`+seconds+`[$__rate_interval])))`, "{{request_type}}"), steps: wrongFrom(0.5),
		},
		{
			id: 305, title: "Slowest routes, p95", unit: units.Seconds,
			description: "The ten routes with the slowest answers.",
			queries:     of(`topk(10, histogram_quantile(0.95, sum by (le, method, route) (rate(`+seconds+`[$__rate_interval]))))`, "{{method}} {{route}}"),
		},
		{
			id: 306, title: "Busiest routes", unit: units.RequestsPerSecond,
			description: "The ten routes with the most calls.",
			queries:     of(`topk(10, sum by (method, route) (rate(`+calls+`[$__rate_interval])))`, "{{method}} {{route}}"),
		},
	}
}

func apiSaturation() []panel {
	return []panel{
		{
			id: 401, title: "Requests in flight", unit: units.Short, stacked: true,
			description: "Requests that have no answer yet, by process. A plateau is a limit that was reached.",
			queries:     of(`sum by (instance) (sespan_http_requests_in_flight{})`, "{{instance}}"),
		},
		{
			id: 402, title: "Connections in use, of each pool", unit: units.PercentUnit, limits: [2]float64{0, 1},
			description: "Share of a pool's connections that are in use, in the fullest process. At 100 % calls wait for one.",
			queries: of(`max by (pool) (sespan_database_connections{state="used"} / on (job, instance, pool)
				(sespan_database_connections_max{} > 0))`, "{{pool}}"),
			steps: above(0.8, 0.95),
		},
		{
			id: 403, title: "Waiting for a connection", unit: units.Seconds,
			description: "Seconds that callers waited for a connection, a second: 1 is one caller who waits all the time.",
			queries:     of(`sum by (pool) (rate(sespan_database_acquire_seconds_total{}[$__rate_interval]))`, "{{pool}}"), steps: wrongFrom(1),
		},
		{
			id: 404, title: "Connections of the server", unit: units.Short,
			description: "Connections to the database server, of Sespan, the site and everybody else, and how many it takes.",
			queries: []query{
				{expr: `max by (job) (sespan_database_server_connections{})`, legend: "{{job}}: in use"},
				{expr: `max by (job) (sespan_database_server_connections_max{})`, legend: "{{job}}: most"},
			},
		},
		{
			id: 405, title: "Connections of each pool", unit: units.Short, stacked: true,
			description: "Connections that are open, in use and idle, of all processes.",
			queries:     of(`sum by (pool, state) (sespan_database_connections{})`, "{{pool}}: {{state}}"),
		},
		{
			id: 406, title: "CPU", unit: units.Short, stacked: true,
			description: "Processor cores in use, by process.",
			queries:     of(`sum by (instance) (rate(process_cpu_seconds_total{}[$__rate_interval]))`, "{{instance}}"),
		},
	}
}

func apiDatabase() []panel {
	return []panel{
		{
			id: 501, kind: timeline, title: "Database reached", unit: units.Bool, height: 6,
			description: "Whether each process reaches the database.",
			queries:     of(`sespan_database_up{}`, "{{instance}}"), words: onOff("up", "down"),
		},
		{
			id: 502, kind: timeline, title: "Database takes writes", unit: units.Bool, height: 6,
			description: "Read-only is a replica, or a primary that was told so: nothing can be stored.",
			queries:     of(`sespan_database_read_only{}`, "{{instance}}"), words: map[string]word{"0": {"read and write", green}, "1": {"read only", red}},
		},
		{
			id: 503, title: "Clocks", unit: units.Seconds, limits: [2]float64{-10, 10}, width: 8,
			description: "The database's clock minus each process's. Tokens allow for 30 seconds.",
			queries:     of(`sespan_database_clock_skew_seconds{}`, "{{instance}}"), steps: between(2, 5),
		},
		{
			id: 504, kind: figure, title: "Schema", unit: units.Short, width: 8, height: 8,
			description: "The schema's version in the database, and the one that the newest process wants. They differ while an update is under way, or where migrate was forgotten.",
			queries: []query{
				{expr: `max(sespan_schema_version{})`, legend: "in the database"},
				{expr: `max(sespan_schema_version_wanted{})`, legend: "wanted"},
			},
		},
		{
			id: 505, kind: figure, title: "Binding of the customers", unit: units.Bool, width: 4, height: 8,
			description: "Whether the bound table of the site is still as it was bound; otherwise bind-customers runs again.",
			queries:     of(`min(sespan_binding_ok{})`, "binding"), words: onOff("well", "stale"),
		},
		{
			id: 506, kind: figure, title: "People's keys compared", unit: units.DateTimeFromNow, width: 4, height: 8, nothing: "nobody has a key",
			description: "When the keys of people were last compared with the site's groups. Older than a day: the bridge's comparison does not run.",
			queries:     of(`max(sespan_people_comparison_timestamp_seconds{}) * 1000`, "compared"), words: map[string]word{"0": {"never", red}},
		},
		{
			id: 507, title: "Looks at the database that failed", unit: units.CountsPerSecond, width: 24, height: 6,
			description: "Each process looks every 15 seconds. server: it does not answer; another part alone: a right or an object is missing, and the log says which.",
			queries:     of(`sum by (part) (rate(sespan_health_failures_total{}[$__rate_interval]))`, "{{part}}"),
		},
	}
}

func apiKeeping() []panel {
	return []panel{
		{
			id: 601, title: "Days ahead: partitions and draws", unit: units.Days, width: 8,
			description: "Days after today (UTC) whose partition, or whose seed of draws, is there. They are made seven days ahead; without a partition rows wait in the default one, without a seed nothing is drawn.",
			queries: []query{
				{expr: `min by (table) (sespan_partition_days_ahead{})`, legend: "{{table}}"},
				{expr: `min(sespan_draw_epoch_days_ahead{})`, legend: "seeds of draws"},
			},
			steps: below(1, 3),
		},
		{
			id: 602, title: "Partitions of counts: hours ahead", unit: units.Hours, width: 8,
			description: "Hours for which a partition of the appended counts is there.",
			queries:     of(`min by (table) (sespan_partition_hours_ahead{})`, "{{table}}"), steps: below(1, 6),
		},
		{
			id: 603, title: "Rows in default partitions", unit: units.Short, width: 8,
			description: "Rows that found no partition of their own. A default partition that fills cannot be split without a lock.",
			queries:     of(`max by (table) (sespan_partition_default_rows{})`, "{{table}}"), steps: wrongFrom(1),
		},
		{
			id: 604, kind: figure, title: "Counting", unit: units.Bool, height: 8,
			description: "Whether every trigger that counts is there and enabled. Off: since ever is no longer true; sespan stats check says by how much.",
			queries:     of(`min(sespan_counting_enabled{})`, "counting"), words: onOff("on", "off"),
		},
		{
			id: 605, title: "Counts: time since the last fold", unit: units.Seconds, width: 10,
			description: "Counts are summed up once a minute, by any process. Figures stay exact when it stops, and become slower to read.",
			queries:     of(`time() - max by (job) (sespan_stats_folded_timestamp_seconds{})`, "{{job}}"), steps: above(180, 600),
		},
		{
			id: 606, title: "Counts: not summed, and failures", unit: units.Short, width: 10,
			description: "Rows of counts that the last fold left because a transaction is open since they were written, and folds that failed.",
			queries: []query{
				{expr: `max by (job) (sespan_stats_fresh_rows{})`, legend: "{{job}}: rows left"},
				{expr: `sum by (job) (increase(sespan_stats_fold_failures_total{}[$__rate_interval]))`, legend: "{{job}}: failures"},
			},
		},
		{
			id: 607, title: "API log: size", unit: units.BytesIEC,
			description: "What the API log takes on disk, and its bound. From 90 % on bodies of its oldest days are dropped, then these days.",
			queries: []query{
				{expr: `max by (job) (sespan_apilog_bytes{})`, legend: "{{job}}: taken"},
				{expr: `max by (job) (sespan_apilog_max_bytes{})`, legend: "{{job}}: bound"},
			},
		},
		{
			id: 608, title: "API log: rows", unit: units.EventsPerSecond, stacked: true,
			description: "What became of the log's rows: written; late, refused without a body, sampled (one stands for several), or lost, which must not be.",
			queries:     of(`sum by (event) (rate(sespan_apilog_events_total{}[$__rate_interval]))`, "{{event}}"),
			colours:     map[string]string{"written": green, "late": orange, "lost": red},
		},
	}
}

func apiRuntime() []panel {
	return []panel{
		{
			id: 701, title: "Memory", unit: units.BytesIEC, width: 8,
			description: "Resident memory, and the heap in use, by process.",
			queries: []query{
				{expr: `process_resident_memory_bytes{}`, legend: "{{instance}}: resident"},
				{expr: `go_memstats_heap_inuse_bytes{}`, legend: "{{instance}}: heap"},
			},
		},
		{
			id: 702, title: "Goroutines", unit: units.Short, width: 8,
			description: "Goroutines by process. A number that only grows is a leak.",
			queries:     of(`go_goroutines{}`, "{{instance}}"),
		},
		{
			id: 703, title: "Pauses of the garbage collection", unit: units.Seconds, width: 8,
			description: "The longest of the recent pauses, by process.",
			queries:     of(`go_gc_duration_seconds{quantile="1"}`, "{{instance}}"),
		},
		{
			id: 704, title: "Open files, of those allowed", unit: units.PercentUnit, width: 8, limits: [2]float64{0, 1},
			description: "File descriptors in use, sockets among them, of the limit of the process.",
			queries:     of(`process_open_fds{} / process_max_fds{}`, "{{instance}}"), steps: above(0.7, 0.8),
		},
		{
			id: 705, title: "Up since", unit: units.Seconds, width: 8,
			description: "Age of each process. One that falls back to 0 again and again does not stay up.",
			queries:     of(`time() - process_start_time_seconds{}`, "{{instance}}"),
		},
		{
			id: 706, title: "Versions", unit: units.Short, width: 8, stacked: true,
			description: "Processes by version. Two versions stand side by side during an update, and at no other time.",
			queries:     of(`sum by (version, go) (sespan_build_info{})`, "{{version}}, {{go}}"),
		},
		{
			id: 707, title: "Spans of traces", unit: units.CountsPerSecond, width: 24, height: 6,
			description: "Spans given to the collector of traces, and lost ones. Both are 0 while tracing is off.",
			queries:     of(`sum by (result) (rate(sespan_trace_spans_total{}[$__rate_interval]))`, "{{result}}"),
			colours:     map[string]string{"sent": green, "lost": red},
		},
	}
}
