package main

import (
	"fmt"
	"net/url"
	"time"
)

// call is something that is measured.
type call struct {
	name, path string
	search     bool // of the API log
}

// calls are those of the reports; facts are rows that the fill has made.
func calls(f facts) []call {
	var list []call
	add := func(name, path string, query ...string) {
		values := url.Values{}
		for i := 0; i < len(query); i += 2 {
			values.Set(query[i], query[i+1])
		}
		list = append(list, call{name: name, path: path + "?" + values.Encode()})
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	year := f.now.AddDate(-1, 0, 0)
	for _, noun := range []string{"api-hits", "otp", "outcomes", "transactions", "mail"} {
		path := "/v1/stats/" + noun
		add(noun+" of 24 hours", path, "step", "hour")
		add(noun+" of 30 days", path)
		add(noun+" of 2,400 hours", path, "step", "hour", "from", at(f.now.Add(-2400*time.Hour)), "to", at(f.now))
		add(noun+" of a year by day", path, "from", at(year), "to", at(f.now))
		add(noun+" of 24 months", path, "step", "month")
	}
	const summary, list1 = "/v1/transactions/summary", "/v1/transactions"
	add("summary of a year by day", summary, "from", at(year), "to", at(f.now))
	add("summary of a year by tier", summary, "from", at(year), "to", at(f.now), "group_by", "tier")
	add("transactions, first page", list1)
	add("transactions, half a year deep", list1, "to", at(f.now.AddDate(0, -6, 0)))
	add("transactions of the rarest tier", list1, "tier_id", fmt.Sprint(f.rareTier))
	add("transactions of a customer", list1, "customer_id", fmt.Sprint(f.customer))
	add("transactions of nobody", list1, "customer_id", "999999999")
	add("transactions of a customer and tier, winners", list1, "customer_id", fmt.Sprint(f.customer), "tier_id", "1", "discounted", "true")
	add("transactions, cancelled, deep", list1, "cancelled", "true", "to", at(f.now.AddDate(0, -6, 0)))
	list = append(list, call{name: "one transaction", path: fmt.Sprintf("%s/%d", list1, f.transaction)})
	return append(list, searches(f)...)
}

// searches are those of the log: every filter, and every pair of two.
func searches(f facts) []call {
	filters := []struct{ name, key, value string }{
		{"a customer", "customer_id", fmt.Sprint(f.customer)},
		{"an address", "ip", f.ip},
		{"a common type", "request_type", "OTP"},
		{"a rare type", "request_type", "Admin"},
		{"a common status", "status", "200"},
		{"a rare status", "status", "404"},
		{"failures", "outcome", "failure"},
	}
	wide := url.Values{"from": {f.now.AddDate(-1, 0, 0).UTC().Format(time.RFC3339)}, "to": {f.now.UTC().Format(time.RFC3339)}}
	list := []call{
		{name: "log, the last 7 days", path: "/v1/api-log"},
		{name: "log, by response id", path: "/v1/api-log?response_id=" + f.response},
		{name: "log, one row", path: "/v1/api-log/" + f.response},
		{name: "log of a year", path: "/v1/api-log?" + wide.Encode()},
	}
	for i, a := range filters {
		query := url.Values{"from": wide["from"], "to": wide["to"], a.key: {a.value}}
		list = append(list, call{name: "log, " + a.name, path: "/v1/api-log?" + query.Encode()})
		for _, b := range filters[i+1:] {
			if a.key == b.key {
				continue
			}
			pair := url.Values{"from": wide["from"], "to": wide["to"], a.key: {a.value}, b.key: {b.value}}
			list = append(list, call{name: "log, " + a.name + " and " + b.name, path: "/v1/api-log?" + pair.Encode()})
		}
	}
	for i := range list {
		list[i].search = true
	}
	return list
}
