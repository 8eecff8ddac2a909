package cli

import (
	"context"
	"time"
)

// check is one thing that serve stands on. needs names the check without which this
// one could only say the same again: one fault, one line.
type check struct {
	group, name string
	needs       string
	run         func(*examination, context.Context) []finding
}

// checkTime bounds one check.
const checkTime = 10 * time.Second

// checks are all of them, in the order in which a person mends what they find.
func checks() []check {
	return []check{
		{"settings", "settings", "", (*examination).checkSettings},
		{"settings", "keys", "", (*examination).checkSecretKeys},
		{"settings", "files", "", (*examination).checkFiles},
		{"database", "database", "", (*examination).checkDatabase},
		{"database", "clock", "database", (*examination).checkClock},
		{"database", "schema", "database", (*examination).checkSchema},
		{"database", "login", "database", (*examination).checkLogin},
		{"database", "rights", "schema", (*examination).checkRights},
		{"database", "triggers", "schema", (*examination).checkTriggers},
		{"database", "listen", "database", (*examination).checkListen},
		{"database", "partitions", "schema", (*examination).checkPartitions},
		{"database", "vacuum", "schema", (*examination).checkVacuum},
		{"database", "connections", "database", (*examination).checkConnections},
		{"customers", "customers", "schema", (*examination).checkBinding},
		{"customers", "addresses", "customers", (*examination).checkAddresses},
		{"customers", "people", "schema", (*examination).checkPeople},
		{"customers", "service keys", "schema", (*examination).checkServiceKeys},
		{"draws", "draws", "schema", (*examination).checkDraws},
		{"draws", "tiers", "schema", (*examination).checkTiers},
		{"site", "tokens", "", (*examination).checkTokens},
		{"site", "site clock", "", (*examination).checkSiteClock},
		{"site", "proxies", "schema", (*examination).checkProxies},
		{"site", "api log", "schema", (*examination).checkAPILog},
		{"mail", "relays", "", (*examination).checkRelays},
		{"mail", "broker", "schema", (*examination).checkBroker},
		{"mail", "dkim", "", (*examination).checkDKIM},
		{"mail", "spf", "", (*examination).checkSPF},
		{"mail", "dmarc", "", (*examination).checkDMARC},
	}
}

// run adds what the checks find.
func (x *examination) run(ctx context.Context, r *diagnosis) {
	done := map[string]state{}
	for _, c := range checks() {
		findings := x.one(ctx, c, done)
		done[c.name] = worst(findings)
		r.add(c, findings)
	}
}

func (x *examination) one(ctx context.Context, c check, done map[string]state) []finding {
	if ctx.Err() != nil {
		return unchecked("the time for all checks was over", "give more: --timeout")
	}
	if c.needs != "" && (done[c.needs] == stateWrong || done[c.needs] == stateUnchecked) {
		return unchecked("first mend what is said of "+c.needs, "")
	}
	bounded, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return c.run(x, bounded)
}
