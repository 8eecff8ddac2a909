package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// transactions shows draws and whether they keep their promise.
func transactions() board {
	return board{
		name: "transactions", title: "Transactions",
		description: "Discount draws by tier: promised against observed, limits, cancellations, and the calls behind them.",
		rows: []row{
			{100, "Since ever", transactionFigures()},
			{200, "Promised against observed", transactionPromise()},
			{300, "Draws", transactionFlow()},
			{400, "Limits and calls", transactionLimits()},
		},
	}
}

// The database's counts of draws, by tier. A win that a limit stopped kept the promise, and counts as observed.
const (
	draws    = `max by (job, tier) (sespan_stats_draws{tier!="none"})`
	wins     = `max by (job, tier) (sespan_stats_wins{tier!="none"})`
	capped   = `max by (job, tier) (sespan_stats_capped_wins{tier!="none"})`
	expected = `max by (job, tier) (sespan_stats_promised_wins{tier!="none"})`
	promised = expected + ` / (` + draws + ` > 0)`
	observed = `(` + wins + ` + ` + capped + `) / (` + draws + ` > 0)`
	// How many standard errors the wins are off. Three are chance in one of 370 cases.
	offPromise  = `(` + wins + ` + ` + capped + ` - ` + expected + `) / sqrt(` + expected + ` * (1 - ` + promised + `) > 0)`
	usesRatio   = `max by (job, tier) (sespan_tier_budget_uses_ratio{})`
	amountRatio = `max by (job, tier) (sespan_tier_budget_amount_ratio{})`
)

func transactionFigures() []panel {
	return []panel{
		{
			id: 101, kind: figure, title: "Draws", unit: units.Short, description: "Orders drawn since Sespan was installed, by the database's counts.",
			queries: of(ever(`sespan_stats_draws{}`, "tier", ""), "draws"),
		},
		{
			id: 102, kind: figure, title: "Discounts", unit: units.Short, description: "Orders that got a discount, cancelled ones included.",
			queries: of(ever(`sespan_stats_wins{}`, "tier", ""), "discounts"),
		},
		{
			id: 103, kind: figure, title: "Discounts stopped by a limit", unit: units.Short,
			description: "Draws that won and got nothing because a limit of their tier was reached.",
			queries:     of(ever(`sespan_stats_capped_wins{}`, "tier", ""), "stopped"),
		},
		{
			id: 104, kind: figure, title: "Amount of the orders", unit: units.Short, description: "What the orders cost before discounts, in the shop's currency.",
			queries: of(ever(`sespan_stats_amount{}`, "tier", ""), "amount"),
		},
		{
			id: 105, kind: figure, title: "Discounts given", unit: units.Short, description: "What the discounts took off, in the shop's currency, cancelled orders included.",
			queries: of(ever(`sespan_stats_discount{}`, "tier", ""), "discount"),
		},
		{
			id: 106, kind: figure, title: "Cancellations", unit: units.Short, description: "Orders cancelled after their draw.",
			queries: of(ever(`sespan_stats_cancellations{}`, "tier", ""), "cancelled"),
		},
	}
}

func transactionPromise() []panel {
	table := panel{
		id: 201, kind: rows, title: "Tiers", unit: units.Short, width: 24, height: 7,
		description: "Each tier: what it promised over its draws, what was observed since ever (wins that a limit stopped included), and how many standard errors " +
			"lie between: beyond 4.5 it is no chance. Now is its present probability.",
	}
	for _, c := range []struct {
		column
		expr string
	}{
		{column{"Now", units.PercentUnit, nil}, `max by (job, tier) (sespan_tier_probability{})`},
		{column{"Promised", units.PercentUnit, nil}, promised},
		{column{"Observed", units.PercentUnit, nil}, observed},
		{column{"Standard errors off", units.Short, between(3, 4.5)}, offPromise},
		{column{"Draws", units.Short, nil}, draws},
		{column{"Discounts", units.Short, nil}, wins},
		{column{"Stopped by a limit", units.Short, nil}, capped},
		{column{"Uses, of the budget", units.PercentUnit, above(0.9, 0.99)}, usesRatio},
		{column{"Money, of the budget", units.PercentUnit, above(0.9, 0.99)}, amountRatio},
	} {
		table.cols = append(table.cols, c.column)
		table.queries = append(table.queries, query{expr: c.expr, legend: "{{tier}}"})
	}
	return []panel{
		table,
		{
			id: 202, title: "Observed rate of each tier", unit: units.PercentUnit,
			description: "Wins of draws since ever, those that a limit stopped included, beside the mean of what was promised. They meet as draws grow.",
			queries:     []query{{expr: observed, legend: "{{job}}, tier {{tier}}: observed"}, {expr: promised, legend: "{{job}}, tier {{tier}}: promised"}},
		},
		{
			id: 203, title: "Standard errors off the promise", unit: units.Short, limits: [2]float64{-6, 6},
			description: "Within 3 is chance in all but one of 370 cases; beyond 4.5 it is not. The promise is the mean over the draws, so that a changed probability compares, too.",
			queries: []query{
				{expr: offPromise, legend: "{{job}}, tier {{tier}}: since ever"},
				{expr: `job_tier:sespan_draws_deviation:stddevs1d{}`, legend: "{{job}}, tier {{tier}}: last day"},
			},
			steps: between(3, 4.5),
		},
	}
}

func transactionFlow() []panel {
	return []panel{
		{
			id: 301, title: "Draws by tier", unit: units.CountsPerSecond, stacked: true,
			description: "Orders drawn for the first time; none are orders whose amount no tier covers.",
			queries:     of(`sum by (job, tier) (rate(sespan_transactions_total{}[$__rate_interval]))`, "{{job}}, tier {{tier}}"),
		},
		{
			id: 302, title: "With and without a discount", unit: units.CountsPerSecond, stacked: true,
			description: "Orders drawn for the first time, by their result.",
			queries:     of(`sum by (discounted) (rate(sespan_transactions_total{}[$__rate_interval]))`, "discounted: {{discounted}}"),
			colours:     map[string]string{"discounted: true": green, "discounted: false": blue},
		},
		{
			id: 303, title: "Money since ever", unit: units.Short,
			description: "What the orders cost and what the discounts took off, by the database's counts, in the shop's currency.",
			queries: []query{
				{expr: ever(`sespan_stats_amount{}`, "tier", ""), legend: "amount"},
				{expr: ever(`sespan_stats_discount{}`, "tier", ""), legend: "discount"},
			},
		},
		{
			id: 304, title: "Cancellations since ever, by tier", unit: units.Short,
			description: "Orders cancelled after their draw; their uses and money are given back to the tier.",
			queries:     of(ever(`sespan_stats_cancellations{}`, "tier", "job, tier"), "{{job}}, tier {{tier}}"),
		},
	}
}

func transactionLimits() []panel {
	const drawSeconds = `sespan_http_request_duration_seconds_bucket{request_type="Transaction"}`
	return []panel{
		{
			id: 401, kind: bars, title: "Budget used, by tier", unit: units.PercentUnit, limits: [2]float64{0, 1}, nothing: "no tier has a budget",
			description: "Share of the uses and of the money that a tier may give. At 100 % its draws still win, and get nothing.",
			queries:     []query{{usesRatio, "{{job}}, tier {{tier}}: uses", true}, {amountRatio, "{{job}}, tier {{tier}}: money", true}},
			steps:       above(0.9, 0.99),
		},
		{
			id: 402, title: "Stopped by a limit since ever, by tier", unit: units.Short,
			description: "Draws that won and got nothing because a limit was reached.",
			queries:     of(ever(`sespan_stats_capped_wins{}`, "tier", "job, tier"), "{{job}}, tier {{tier}}"),
		},
		{
			id: 403, title: "Calls by status", unit: units.RequestsPerSecond, stacked: true,
			description: "Calls of transactions: 201 is a draw, 200 the same order again, 409 another amount for it, 403 a body that is not the token's.",
			queries:     of(`sum by (code) (rate(sespan_http_requests_total{request_type="Transaction"}[$__rate_interval]))`, "{{code}}"),
		},
		{
			id: 404, title: "Latency of transactions", unit: units.Seconds,
			description: "A customer waits for a draw at the checkout.", queries: quantiles(drawSeconds, "50", "95", "99"), steps: above(0.25, 0.5),
		},
	}
}
