package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// codes shows one-time codes: issued, entered, guessed, refused.
func codes() board {
	return board{
		name: "codes", title: "Codes",
		description: "One-time codes by mail: how many are issued and verified, who guesses, and what strangers may still cause.",
		rows: []row{
			{100, "Since ever and now", codesFigures()},
			{200, "Issued and verified", codesFlow()},
			{300, "Guesses and refusals", codesGuesses()},
			{400, "Visitors and calls", codesCalls()},
		},
	}
}

const (
	codesEver   = `sespan_stats_codes{}`
	codeEvents  = `sespan_otp_events_total{}`
	verifyRatio = `sum(rate(sespan_otp_events_total{event="verified"}[$__rate_interval]))
		/ (sum(rate(sespan_otp_events_total{event="issued"}[$__rate_interval])) > 0)`
)

func codesEverOf(event string) string {
	return ever(`sespan_stats_codes{event="`+event+`"}`, "purpose", "")
}

// codeEventsOf are events a second, by what they are.
func codeEventsOf(events, by, legend string) []query {
	return of(`sum by (`+by+`) (rate(sespan_otp_events_total{event=~"`+events+`"}[$__rate_interval]))`, legend)
}

func codesFigures() []panel {
	return []panel{
		{
			id: 101, kind: figure, title: "Issued since ever", unit: units.Short,
			description: "Challenges with a first code, by the database's counts.", queries: of(codesEverOf("issued"), "issued"),
		},
		{
			id: 102, kind: figure, title: "Resent since ever", unit: units.Short,
			description: "Further codes of a challenge, by the database's counts.", queries: of(codesEverOf("resent"), "resent"),
		},
		{
			id: 103, kind: figure, title: "Verified since ever", unit: units.Short,
			description: "Codes entered correctly, by the database's counts.", queries: of(codesEverOf("verified"), "verified"),
		},
		{
			id: 104, kind: figure, title: "Verified of issued", unit: units.PercentUnit, nothing: "no codes",
			description: "Share of the challenges issued within the range of the dashboard that were verified within it. Below a half look at the mail queue first.",
			queries: newest(`sum(increase(sespan_otp_events_total{event="verified"}[$__range]))
				/ (sum(increase(sespan_otp_events_total{event="issued"}[$__range])) > 0)`, "verified"),
			steps: below(0.3, 0.5), limits: [2]float64{0, 1},
		},
		{
			id: 105, kind: figure, title: "Wrong guesses", unit: units.Short,
			description: "Wrong guesses within the range of the dashboard.",
			queries:     newest(`sum(increase(sespan_otp_events_total{event="incorrect"}[$__range]))`, "wrong"),
		},
		{
			id: 106, kind: figure, title: "Locked since ever", unit: units.Short,
			description: "Challenges that lost their last guess, by the database's counts.", queries: of(codesEverOf("locked"), "locked"),
		},
	}
}

func codesFlow() []panel {
	return []panel{
		{
			id: 201, title: "Issued and resent", unit: units.CountsPerSecond, stacked: true,
			description: "New challenges and further codes of them, by purpose.",
			queries:     codeEventsOf("issued|resent", "event, purpose", "{{event}}, {{purpose}}"),
		},
		{
			id: 202, title: "Verified and activated", unit: units.CountsPerSecond,
			description: "Codes entered correctly, and customers that a code activated, by purpose.",
			queries:     codeEventsOf("verified|activated", "event, purpose", "{{event}}, {{purpose}}"),
		},
		{
			id: 203, title: "Verified of issued", unit: units.PercentUnit,
			description: "Of the codes issued, the share verified: now, and by purpose within two hours beside seven days. It falls when mails come late, land in spam, or strangers ask for codes.",
			queries: []query{
				{expr: verifyRatio, legend: "now"},
				{expr: `job_purpose:sespan_otp_verified_per_mailed:ratio_increase2h{}`, legend: "{{job}}, {{purpose}}: two hours"},
				{expr: `job_purpose:sespan_otp_verified_per_mailed:ratio_increase7d{}`, legend: "{{job}}, {{purpose}}: seven days"},
			},
			steps: below(0.3, 0.5), limits: [2]float64{0, 1.2},
		},
		{
			id: 204, title: "Growth since ever", unit: units.Short,
			description: "Codes by what became of them, by the database's counts.",
			queries:     of(ever(codesEver, "purpose, event", "event"), "{{event}}"),
		},
	}
}

func codesGuesses() []panel {
	return []panel{
		{
			id: 301, title: "Guesses", unit: units.CountsPerSecond, stacked: true,
			description: "Right and wrong ones, those that locked a challenge, and those refused because no guess was left (limited).",
			queries:     codeEventsOf("verified|incorrect|locked|limited", "event", "{{event}}"),
			colours:     map[string]string{"verified": green, "incorrect": orange, "locked": red, "limited": "dark-red"},
		},
		{
			id: 302, title: "Wrong guesses, of all", unit: units.PercentUnit, limits: [2]float64{0, 1}, nothing: "no guess",
			description: "Share of the guesses that were wrong or no longer compared. People mistype one code in ten; in a storm of guesses three of four are wrong.",
			queries: of(`sum(rate(sespan_otp_events_total{event=~"incorrect|limited"}[$__rate_interval]))
				/ (sum(rate(sespan_otp_events_total{event=~"incorrect|limited|verified"}[$__rate_interval])) > 0)`, "wrong"),
			steps: above(0.5, 0.75),
		},
		{
			id: 303, title: "Codes that came to nothing", unit: units.CountsPerSecond,
			description: "Expired, already used, superseded by a newer one, or asked for too soon.",
			queries:     codeEventsOf("expired|used|superseded|too_soon|repeated", "event", "{{event}}"),
		},
		{
			id: 304, title: "Nobody's codes", unit: units.CountsPerSecond,
			description: "Decoys (the address has no customer, and nobody is mailed), notices that an account exists, and addresses with several customers.",
			queries:     codeEventsOf("decoy|notified|ambiguous", "event", "{{event}}"),
		},
		{
			id: 305, title: "Right code, refused", unit: units.CountsPerSecond,
			description: "Right codes that activated nobody: no right to activate, or the site's own triggers and policies refused the update.",
			queries:     codeEventsOf("activation_refused|update_refused", "event", "{{event}}"),
			colours:     map[string]string{"activation_refused": orange, "update_refused": red},
		},
		{
			id: 306, title: "All events", unit: units.CountsPerSecond,
			description: "Every event of one-time codes.",
			queries:     of(`sum by (event) (rate(`+codeEvents+`[$__rate_interval]))`, "{{event}}"),
		},
	}
}

func codesCalls() []panel {
	const otpSeconds = `sespan_http_request_duration_seconds_bucket{request_type="OTP"}`
	return []panel{
		{
			id: 401, title: "Mails that visitors caused today", unit: units.Short,
			description: "Codes, notices and password resets since midnight UTC, and the ceiling of a day.",
			queries: []query{
				{expr: `sum(max by (job) (sespan_budget_site_mails{}))`, legend: "mails"},
				{expr: `sum(max by (job) (sespan_budget_site_ceiling{}) < Inf)`, legend: "ceiling"},
			},
			colours: map[string]string{"ceiling": red, "mails": blue},
		},
		{
			id: 402, title: "Calls by status", unit: units.RequestsPerSecond, stacked: true,
			description: "Calls of codes by HTTP status: 422 is a wrong code, 410 an old one, 429 a limit.",
			queries:     of(`sum by (code) (rate(sespan_http_requests_total{request_type="OTP"}[$__rate_interval]))`, "{{code}}"),
		},
		{
			id: 403, title: "Latency of codes", unit: units.Seconds,
			description: "Calls that issue, resend or verify a code.", queries: quantiles(otpSeconds, "50", "95", "99"), steps: above(0.25, 0.5),
		},
		{
			id: 404, title: "Delivery of mails, p95", unit: units.Seconds,
			description: "From enqueuing to the mail server's acceptance, of all mails: a code is worth ten minutes.",
			queries:     quantiles(`sespan_mail_delivery_seconds_bucket{}`, "95"), steps: above(30, 300),
		},
	}
}
