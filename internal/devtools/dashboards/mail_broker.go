package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

const noBroker = "no broker"

// mailBroker shows what announcers, broker and consumers do; it is empty on a site without.
func mailBroker() []panel {
	return append(brokerFigures(),
		panel{
			id: 705, title: "Announced, confirmed, not taken", unit: units.MessagesPerSecond, nothing: noBroker,
			description: "Announcements a second by lane: given to the broker, confirmed by it, and returned, refused or without an answer. The last ones are announced again.",
			queries: []query{
				{expr: `sum by (lane) (rate(sespan_mail_announced_total{}[$__rate_interval]))`, legend: "announced, {{lane}}"},
				{expr: announced("confirmed"), legend: "confirmed, {{lane}}"},
				{expr: announced("returned|refused|timeout|failed"), legend: "not taken, {{lane}}"},
			},
		},
		panel{
			id: 706, title: "Announced and not claimed", unit: units.Short, nothing: noBroker,
			description: "Mails by lane that were announced and that nobody has claimed yet. The line is the default window (SESPAN_BROKER_WINDOW): a lane that lies there is as full as it may be, and the rest waits in PostgreSQL.",
			queries:     of(ever(`sespan_mail_unclaimed{}`, "lane", "lane"), "{{lane}}"), steps: warnFrom(5000),
		},
		panel{
			id: 707, title: "Lag at the broker", unit: units.Short, nothing: noBroker,
			description: "What lies at the broker and no consumer has acknowledged, by lane and by the broker's own count. It may stand at the window; where it grows on, consumers do not get what is there.",
			queries:     of(ever(`sespan_mail_broker_lag{}`, "lane", "lane"), "{{lane}}"),
		},
		panel{
			id: 708, title: "Commit to claim", unit: units.Seconds, nothing: "no mail was claimed",
			description: "From when a mail could be sent to its claim by a worker, with and without a broker.",
			queries:     quantiles(`sespan_mail_commit_to_claim_seconds_bucket{}`, "50", "99"), steps: above(1, 15),
		},
		panel{
			id: 709, title: "Deliveries by result", unit: units.MessagesPerSecond, stacked: true, nothing: noBroker,
			description: "claimed: the mail is sent next. stale: claimed elsewhere, finished, parked or not due. held: no room for it at first. cleared: none for two seconds, and it is announced again.",
			queries:     of(`sum by (result) (rate(sespan_mail_deliveries_total{}[$__rate_interval]))`, "{{result}}"),
			colours:     map[string]string{"claimed": green, "stale": blue, "held": orange, "cleared": red},
		},
		panel{
			id: 710, title: "Foreign and unreadable", unit: units.MessagesPerSecond, nothing: noBroker,
			description: "Messages that went to the dead-letter queue: foreign are announcements of another installation, unreadable ones are none at all.",
			queries: []query{
				{expr: `sum(rate(sespan_mail_foreign_total{}[$__rate_interval]))`, legend: "foreign"},
				{expr: `sum(rate(sespan_mail_poison_total{}[$__rate_interval]))`, legend: "unreadable"},
			},
			colours: map[string]string{"foreign": red, "unreadable": orange},
		},
		panel{
			id: 711, kind: timeline, title: "Where each sender looks", unit: units.Bool, nothing: noBroker,
			description: "Whether each sender waits for the broker alone, or claims from the database too (the fallback): urgent mails, and all others.",
			queries:     of(`sespan_mail_fallback{}`, "{{instance}}, {{lane}}"), words: map[string]word{"0": {"broker", green}, "1": {"database too", orange}},
		},
		panel{
			id: 712, kind: timeline, title: "Connected", unit: units.Bool, nothing: noBroker,
			description: "Whether each announcer and each consumer has its connection to the broker.",
			queries:     of(`sespan_mail_broker_connected{}`, "{{instance}}, {{role}}"), words: map[string]word{"1": {"connected", green}, "0": {"away", red}},
		},
	)
}

// announced are announcements a second by lane that ended so.
func announced(results string) string {
	return `sum by (lane) (rate(sespan_mail_announce_results_total{result=~"` + results + `"}[$__rate_interval]))`
}

func brokerFigures() []panel {
	return []panel{
		{
			id: 701, kind: figure, title: "Way", unit: units.Bool, width: 6, nothing: noBroker,
			description: "Whether mails go by the broker, or any sender claims from the database too (the fallback).",
			queries:     of(`max(sespan_mail_fallback{})`, "way"), words: map[string]word{"0": {"broker", green}, "1": {"database too", orange}},
		},
		{
			id: 702, kind: figure, title: "Last confirmation", unit: units.Seconds, width: 6, nothing: noBroker,
			description: "How long ago the broker confirmed an announcement to any announcer. It grows while there is nothing to announce.",
			queries:     of(`time() - max(sespan_mail_announcer_confirmed_timestamp_seconds{} > 0)`, "ago"),
		},
		{
			id: 703, kind: figure, title: "Announcements for each mail sent", unit: units.Short, width: 6, nothing: noBroker,
			description: "1 in the calm; more while announcements are repeated because nobody claims them in time.",
			queries: of(`sum(increase(sespan_mail_announced_total{}[$__rate_interval]))
				/ (sum(increase(sespan_mail_events_total{event="sent"}[$__rate_interval])) > 0)`, "announcements"), steps: above(1.5, 3),
		},
		{
			id: 704, kind: figure, title: "Foreign, in a day", unit: units.Short, width: 6, nothing: noBroker,
			description: "Announcements of another installation within a day. Any: two sites share a prefix, or a restored copy still runs.",
			queries:     newest(`sum(increase(sespan_mail_foreign_total{}[1d]))`, "foreign"), steps: warnFrom(1),
		},
	}
}
