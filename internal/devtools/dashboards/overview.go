package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// overview answers in one look whether the shop's side of Sespan does well.
func overview() board {
	return board{
		name: "overview", title: "Overview",
		description: "Whether Sespan does well: API hits, answers, latency, codes, draws and mails.",
		rows: []row{
			{100, "Now", overviewFigures()},
			{200, "API", overviewAPI()},
			{300, "Codes, draws and mails", overviewNouns()},
		},
	}
}

const (
	calls     = `sespan_http_requests_total{}`
	seconds   = `sespan_http_request_duration_seconds_bucket{}`
	callsEver = `sespan_stats_api_calls{}`
	waiting   = `sespan_mail_queue{state=~"queued|retry|sending"}`
)

// answered is the share of calls that did not end in a 5xx; nothing without calls.
const answered = `1 - (sum(rate(sespan_http_requests_total{code=~"5.."}[$__rate_interval])) or vector(0))
	/ (sum(rate(sespan_http_requests_total{}[$__rate_interval])) > 0)`

func overviewFigures() []panel {
	return []panel{
		{
			id: 101, kind: figure, title: "API hits since ever", unit: units.Short,
			description: "Calls that the API log has counted since Sespan was installed. From the database: restarts and the log's retention change nothing.",
			queries:     of(ever(callsEver, "request_type, outcome", ""), "hits"),
		},
		{
			id: 102, kind: figure, title: "API hits in the last hour", unit: units.Short,
			description: "Requests on the public port within the last hour, of all processes.",
			queries:     newest(`sum(increase(`+calls+`[1h]))`, "hits"),
		},
		{
			id: 103, kind: figure, title: "API hits a second", unit: units.RequestsPerSecond,
			description: "Requests a second on the public port, of all processes.",
			queries:     of(`sum(rate(`+calls+`[$__rate_interval]))`, "hits"),
		},
		{
			id: 104, kind: figure, title: "Answered without failure", unit: units.PercentUnit, nothing: "no calls",
			description: "Share of requests that did not end in a 5xx. The objective is 99.9 %.",
			queries:     of(answered, "answered"), steps: below(0.99, 0.999), limits: [2]float64{0, 1},
		},
		{
			id: 105, kind: figure, title: "Latency, p95", unit: units.Seconds, nothing: "no calls",
			description: "Of twenty answers nineteen were faster. From the request's header to the answer, the API log's commit included.",
			queries:     quantiles(seconds, "95"), steps: above(0.25, 0.5),
		},
		{
			id: 106, kind: figure, title: "Processes", unit: units.Short,
			description: "Processes of sespan serve that Prometheus reaches. None is an outage, or an admin port that cannot be reached.",
			queries:     of(`sum(up{})`, "processes"), steps: below(1, 1),
		},
	}
}

func overviewAPI() []panel {
	return []panel{
		{
			id: 201, title: "API hits by type", unit: units.RequestsPerSecond, stacked: true,
			description: "Requests a second by request type; none are calls of no known route.",
			queries:     of(`sum by (request_type) (rate(`+calls+`[$__rate_interval]))`, "{{request_type}}"),
		},
		{
			id: 202, title: "API hits an hour", unit: units.Short, stacked: true, interval: "1h",
			description: "Requests of each hour by request type.",
			queries:     of(`sum by (request_type) (increase(`+calls+`[1h]))`, "{{request_type}}"),
		},
		{
			id: 203, title: "Answers by status", unit: units.RequestsPerSecond, stacked: true,
			description: "2xx are well, 4xx are refusals (a wrong code is one), 5xx are failures of ours.",
			queries:     of(`sum by (class) (label_replace(rate(`+calls+`[$__rate_interval]), "class", "${1}xx", "code", "(.)..") )`, "{{class}}"),
			colours:     map[string]string{"2xx": green, "3xx": blue, "4xx": orange, "5xx": red},
		},
		{
			id: 204, title: "Latency", unit: units.Seconds,
			description: "From the request's header to the answer, the API log's commit included; of a stream, to its first byte.",
			queries:     quantiles(seconds, "50", "95", "99"),
		},
		{
			id: 205, title: "API hits since ever, by outcome", unit: units.Short,
			description: "The database's counts: how the calls ended, a login by the login's own outcome.",
			queries:     of(ever(callsEver, "request_type, outcome", "outcome"), "{{outcome}}"),
			colours:     map[string]string{"success": green, "failure": orange},
		},
		{
			id: 206, title: "Logins that the site reported", unit: units.CountsPerSecond, stacked: true,
			description: "Logins on the site, by their outcome. Many failures are somebody who tries passwords.",
			queries:     of(`sum by (outcome) (rate(sespan_logins_total{}[$__rate_interval]))`, "{{outcome}}"),
			colours:     map[string]string{"success": green, "failure": orange},
		},
	}
}

func overviewNouns() []panel {
	return []panel{
		{
			id: 301, kind: figure, title: "Codes issued since ever", unit: units.Short,
			description: "Challenges with a first code, by the database's counts.",
			queries:     of(ever(`sespan_stats_codes{event="issued"}`, "purpose", ""), "issued"),
		},
		{
			id: 302, kind: figure, title: "Codes verified since ever", unit: units.Short,
			description: "Codes that were entered correctly, by the database's counts.",
			queries:     of(ever(`sespan_stats_codes{event="verified"}`, "purpose", ""), "verified"),
		},
		{
			id: 303, kind: figure, title: "Draws since ever", unit: units.Short,
			description: "Orders that were drawn, by the database's counts.",
			queries:     of(ever(`sespan_stats_draws{}`, "tier", ""), "draws"),
		},
		{
			id: 304, kind: figure, title: "Discounts since ever", unit: units.Short,
			description: "Orders that got a discount, cancelled ones included, by the database's counts.",
			queries:     of(ever(`sespan_stats_wins{}`, "tier", ""), "discounts"),
		},
		{
			id: 305, kind: figure, title: "Mails sent since ever", unit: units.Short,
			description: "Mails that a mail server took, one for each recipient, by the database's counts.",
			queries:     of(ever(`sespan_stats_mails{event="sent"}`, "", ""), "sent"),
		},
		{
			id: 306, kind: figure, title: "Mails that wait", unit: units.Short,
			description: "Mails that could leave now and have not: queued, being sent, or between two tries.",
			queries:     of(ever(waiting, "state", ""), "waiting"), steps: above(1000, 10000),
		},
		{
			id: 307, title: "Codes", unit: units.CountsPerSecond, width: 8,
			description: "Issued and verified codes. A gap that opens is a mail that does not arrive, or somebody who asks for codes of others.",
			queries:     of(`sum by (event) (rate(sespan_otp_events_total{event=~"issued|verified|incorrect"}[$__rate_interval]))`, "{{event}}"),
			colours:     map[string]string{"issued": blue, "verified": green, "incorrect": orange},
		},
		{
			id: 308, title: "Draws", unit: units.CountsPerSecond, width: 8, stacked: true,
			description: "Orders drawn for the first time, with and without a discount.",
			queries:     of(`sum by (discounted) (rate(sespan_transactions_total{}[$__rate_interval]))`, "discounted: {{discounted}}"),
		},
		{
			id: 309, title: "Mails", unit: units.MessagesPerSecond, width: 8,
			description: "Mails that left, that will be tried again, and that died.",
			queries:     of(`sum by (event) (rate(sespan_mail_events_total{event=~"sent|retry|dead"}[$__rate_interval]))`, "{{event}}"),
			colours:     map[string]string{"sent": green, "retry": orange, "dead": red},
		},
	}
}
