package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// mailQueue shows what waits, what leaves, and what stands in the way.
func mailQueue() board {
	return board{
		name: "mail-queue", title: "Mail queue",
		description: "What waits and since when, what leaves, how tries end, how the worker wakes up, the broker, the relays, and what died.",
		rows: []row{
			{100, "Now", mailFigures()},
			{200, "The queue", mailFlow()},
			{300, "Tries and relays", mailTries()},
			{400, "Doorbell or poll", mailDoorbell()},
			{700, "Broker", mailBroker()},
			{500, "Limits", mailLimits()},
			{600, "Dead and returned", mailEnds()},
		},
	}
}

const (
	oldest    = `max(max by (job) (sespan_mail_oldest_ready_seconds{}))`
	mailLeft  = `sum(rate(sespan_mail_events_total{event=~"sent|dead|expired|suppressed"}[$__rate_interval]))`
	queueGrew = `sum(max by (job, state) (deriv(sespan_mail_queue{state!="dead"}[$__rate_interval])))`
)

// mailEvents are events a second, by what they are.
func mailEvents(events string) []query {
	return of(`sum by (event) (rate(sespan_mail_events_total{event=~"`+events+`"}[$__rate_interval]))`, "{{event}}")
}

func inState(state string) string { return ever(`sespan_mail_queue{state="`+state+`"}`, "", "") }

func mailFigures() []panel {
	return []panel{
		{
			id: 101, kind: figure, title: "Waiting", unit: units.Short,
			description: "Mails that could leave now and have not: queued, being sent, or between two tries. Those with a date to come are not among them.",
			queries:     of(ever(waiting, "state", ""), "waiting"), steps: above(1000, 10000),
		},
		{
			id: 102, kind: figure, title: "Oldest", unit: units.Seconds,
			description: "Age of the oldest mail that could be sent now. A code is worth ten minutes.",
			queries:     of(oldest, "oldest"), steps: above(60, 300),
		},
		{
			id: 103, kind: figure, title: "Sent a second", unit: units.MessagesPerSecond,
			description: "Mails that a mail server took, a second.",
			queries:     of(`sum(rate(sespan_mail_events_total{event="sent"}[$__rate_interval]))`, "sent"),
		},
		{
			id: 104, kind: figure, title: "Dead", unit: units.Short,
			description: "Mails that were given up and wait for a person: sespan mail dead.",
			queries:     of(inState("dead"), "dead"), steps: wrongFrom(1),
		},
		{
			id: 105, kind: figure, title: "Undecided", unit: units.Short,
			description: "Mails that may have been sent, so that a person must decide: sespan mail stuck.",
			queries:     of(inState("unknown"), "undecided"), steps: wrongFrom(1),
		},
		{
			id: 106, kind: figure, title: "Workers", unit: units.Short,
			description: "Mail workers of all processes that gave a sign of life within a minute. None: nothing is sent, and the mails are safe in the database.",
			queries:     of(ever(`sespan_mail_workers{}`, "", ""), "workers"), steps: below(1, 1),
		},
	}
}

func mailFlow() []panel {
	return []panel{
		{
			id: 201, title: "Queue by state", unit: units.Short, stacked: true,
			description: "queued: may leave now. scheduled: has a date. sending: under way. retry: between two tries. unknown: a person decides. dead: given up, waits for a person.",
			queries:     of(ever(`sespan_mail_queue{}`, "state", "state"), "{{state}}"),
			colours:     map[string]string{"queued": blue, "scheduled": "super-light-blue", "sending": green, "retry": orange, "unknown": "purple", "dead": red},
		},
		{
			id: 202, title: "Oldest that waits", unit: units.Seconds,
			description: "Age of the oldest mail that could be sent now.", queries: of(oldest, "oldest"), steps: above(60, 300),
		},
		{
			id: 203, title: "Enqueued against sent", unit: units.MessagesPerSecond,
			description: "Enqueued is worked out: what left the queue and what it grew by. Where it stays above sent, the queue grows.",
			queries: []query{
				{expr: "clamp_min(" + mailLeft + " + " + queueGrew + ", 0)", legend: "enqueued"},
				{expr: `sum(rate(sespan_mail_events_total{event="sent"}[$__rate_interval]))`, legend: "sent"},
			},
			colours: map[string]string{"enqueued": blue, "sent": green},
		},
		{
			id: 204, title: "Delivery", unit: units.Seconds,
			description: "From enqueuing (or the mail's date) to the mail server's acceptance.",
			queries:     quantiles(`sespan_mail_delivery_seconds_bucket{}`, "50", "95", "99"), steps: above(30, 300),
		},
	}
}

func mailTries() []panel {
	return []panel{
		{
			id: 301, title: "Tries by result", unit: units.MessagesPerSecond, stacked: true,
			description: "How tries ended: sent, to be tried again, given up, or with a lost answer.",
			queries:     mailEvents("sent|retry|dead|unknown"), colours: map[string]string{"sent": green, "retry": orange, "dead": red, "unknown": "purple"},
		},
		{
			id: 302, title: "Failures by reason", unit: units.CountsPerSecond, stacked: true, nothing: "no failure",
			description: "Why tries failed, by the step of the dialogue or the word of the queue (docs/mail-operations.md has the list).",
			queries:     of(`sum by (reason) (rate(sespan_mail_failures_total{}[$__rate_interval]))`, "{{reason}}"),
		},
		{
			id: 303, title: "Relays: tries by answer", unit: units.MessagesPerSecond, stacked: true,
			description: "Mails offered to each relay (1 is the preferred one): sent, refused (5xx), later (4xx), unknown, failed (the relay itself).",
			queries:     of(`sum by (relay, result) (rate(sespan_mail_relay_tries_total{}[$__rate_interval]))`, "relay {{relay}}: {{result}}"),
		},
		{
			id: 304, kind: timeline, title: "Relays: in use", unit: units.Bool,
			description: "Whether each worker gives mails to each relay; a circuit breaker shuts one that fails and probes it.",
			queries:     of(`sespan_mail_relay_open{}`, "{{instance}}, relay {{relay}}"), words: map[string]word{"0": {"in use", green}, "1": {"shut", red}},
		},
		{
			id: 305, title: "Relays: connections", unit: units.Short,
			description: "Connections to each relay, in use or kept, of all workers.",
			queries:     of(`sum by (relay) (sespan_mail_relay_connections{})`, "relay {{relay}}"),
		},
		{
			id: 306, title: "Relays: limits learned", unit: units.Short,
			description: "Connections at once, and messages for each connection, that a relay has shown to take; 0 is no limit.",
			queries:     of(`max by (relay, limit) (sespan_mail_relay_limit{})`, "relay {{relay}}: {{limit}}"),
		},
	}
}

func mailDoorbell() []panel {
	return []panel{
		{
			id: 401, kind: timeline, title: "Notifications arrive", unit: units.Bool, height: 6,
			description: "Whether each process gets notifications (doorbell). Without, a worker polls every half second: mails leave a little later and at a higher cost.",
			queries:     of(`sespan_listener_connected{}`, "{{instance}}"), words: map[string]word{"1": {"doorbell", green}, "0": {"poll", orange}},
		},
		{
			id: 402, title: "From NOTIFY to arrival", unit: units.Seconds, height: 6,
			description: "Measured by a canary that each listener sends to itself.",
			queries:     quantiles(`sespan_listener_latency_seconds_bucket{}`, "50", "95"), steps: above(0.25, 1),
		},
		{
			id: 403, kind: figure, title: "Trigger", unit: units.Bool, width: 8,
			description: "Whether inserts into the queue ring: the trigger mail_doorbell_ring is there and enabled.",
			queries:     of(`min(sespan_trigger_enabled{})`, "trigger"), words: onOff("enabled", "disabled"),
		},
		{
			id: 404, kind: figure, title: "Mails to admins lost, in a day", unit: units.Short, width: 8,
			description: "Mails to the site's admins that could not be queued within a day; the site's stderr says why.",
			queries:     newest(`sum(max by (job) (increase(sespan_mail_lost_total{}[1d])))`, "lost"), steps: warnFrom(1),
		},
		{
			id: 405, kind: figure, title: "Workers that poll", unit: units.Short, width: 8,
			description: "Processes that get no notifications.",
			queries:     of(`count(sespan_listener_connected{} == 0) or vector(0)`, "polling"), steps: warnFrom(1),
		},
	}
}

func mailLimits() []panel {
	return []panel{
		{
			id: 501, title: "Put back for a rate", unit: units.MessagesPerSecond, stacked: true,
			description: "Mails put back until their slot: limited is a configured rate, breaker an adaptive one; by whose it is.",
			queries:     of(`sum by (reason, by) (rate(sespan_mail_postponed_total{}[$__rate_interval]))`, "{{reason}}, {{by}}"),
		},
		{
			id: 502, title: "Throttled by others", unit: units.Short,
			description: "Domains that are sent less because they throttle, and the rate to all of them while the relay throttles (0: no such limit).",
			queries: []query{
				{expr: `max(sespan_mail_slowed_domains{})`, legend: "slowed domains"},
				{expr: `max(sespan_mail_adaptive_rate{})`, legend: "mails a second to all"},
				{expr: `sum by (by) (increase(sespan_mail_throttled_total{}[$__rate_interval]))`, legend: "pauses: {{by}}"},
			},
		},
		{
			id: 503, title: "Mails that visitors caused today", unit: units.Short,
			description: "Codes, notices and password resets since midnight UTC, and the ceiling of a day. At the ceiling only known browsers get mails.",
			queries: []query{
				{expr: `sum(max by (job) (sespan_budget_site_mails{}))`, legend: "mails"},
				{expr: `sum(max by (job) (sespan_budget_site_ceiling{}) < Inf)`, legend: "ceiling"},
			},
			colours: map[string]string{"mails": blue, "ceiling": red},
		},
		{
			id: 504, title: "Put aside and given back", unit: units.MessagesPerSecond,
			description: "Parked for a pause, expired before they left, not sent because the address is suppressed, and claimed but given back unsent.",
			queries:     mailEvents("parked|expired|suppressed|released"),
		},
	}
}

func mailEnds() []panel {
	return []panel{
		{
			id: 601, title: "Dead and undecided", unit: units.Short,
			description: "Mails that wait for a person.",
			queries:     of(ever(`sespan_mail_queue{state=~"dead|unknown"}`, "state", "state"), "{{state}}"),
			colours:     map[string]string{"dead": red, "unknown": "purple"}, steps: wrongFrom(1),
		},
		{
			id: 602, title: "Died, of those that ended", unit: units.PercentUnit, limits: [2]float64{0, 1}, nothing: "no mail ended",
			description: "Share of the mails that ended dead. Above one of twenty the sender, the account or a template is at fault, not the addresses.",
			queries: of(`sum(rate(sespan_mail_events_total{event="dead"}[$__rate_interval]))
				/ (sum(rate(sespan_mail_events_total{event=~"sent|dead"}[$__rate_interval])) > 0)`, "dead"),
			steps: above(0.02, 0.05),
		},
		{
			id: 603, kind: bars, title: "Outcomes since ever", unit: units.Short,
			description: "How mails ended, one for each recipient, and tries that failed for now, by the database's counts.",
			queries:     of(ever(`sespan_stats_mails{}`, "event", "event"), "{{event}}"),
		},
		{
			id: 604, title: "Bounces and complaints", unit: units.EventsPerSecond, stacked: true,
			description: "What mail servers report after they took a mail, by kind and by what it did.",
			queries:     of(`sum by (kind, result) (rate(sespan_mail_event_results_total{}[$__rate_interval]))`, "{{kind}}: {{result}}"),
		},
		{
			id: 605, title: "Leases lost", unit: units.EventsPerSecond, width: 24, height: 6,
			description: "reclaimed: taken back from a worker that vanished. lapsed: the lease ran out before the sending began. fenced: a result came after the lease was lost.",
			queries:     mailEvents("reclaimed|lapsed|fenced"), colours: map[string]string{"reclaimed": orange, "lapsed": red, "fenced": "purple"},
		},
	}
}
