package demo

import (
	"fmt"
	"net/url"
	"strings"
)

// withHost gives the URL with another host and port.
func withHost(raw, host string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("the settings of an earlier run are damaged; start again with --reset")
	}
	u.Host = host
	return u.String(), nil
}

// summary says where everything is and what to click.
func (d *demo) summary() {
	rows := [][2]string{
		{"Shop", link(d.ports.shop, "/")},
		{"Mails", link(d.ports.inbox, "/")},
		{"Staff", link(d.ports.shop, "/admin/") + "   admin@example.com / " + d.state.AdminPassword},
		{"Dashboard", link(d.ports.shop, "/account/dashboard/") + "   viewer@example.com / " + d.state.RolesPassword},
		{"Reports", link(d.ports.shop, "/account/reports/") + "   bookkeeper@example.com / " + d.state.RolesPassword},
		{"People", link(d.ports.shop, "/admin/sespan/") + "   manager@example.com / " + d.state.RolesPassword},
		{"API", link(d.ports.api, "/openapi.json")},
		{"Metrics", link(d.ports.admin, "/metrics") + "   " + link(d.ports.admin, "/readyz")},
		{"Database", fmt.Sprintf("psql '%s'", d.database.site)},
		{"Logs", d.path("log")},
	}
	if d.ports.prometheus != 0 {
		rows = append(rows, [2]string{"Alerts", link(d.ports.prometheus, "/alerts") + "   " + link(d.ports.prometheus, "/targets")})
	}
	var b strings.Builder
	b.WriteString("\nSespan runs.\n\n")
	if d.History {
		rows = append(rows, [2]string{"History", "ten weeks of it are made up: demo-… and DEMO-… (without it: make demo DEMO_ARGS='--no-history --reset')"})
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-9s %s\n", r[0], r[1])
	}
	b.WriteString(`
What to click:
  1. In the shop choose "Register" and make up an account; any address will do.
  2. Open the mails: the code has arrived. Type it into the form, or follow the link in the mail.
  3. You are logged in. Put a coffee into the cart and check out: the page asks for your discount.
  4. Place the order and see it in your history.
  5. As staff, look at tiers, codes, transactions, the API log and the mails.
  6. Log in as the viewer, the bookkeeper and the manager: charts, a CSV of the month, roles and keys.

Ctrl-C stops everything. The data stays for the next time; "make demo DEMO_ARGS=--reset" starts again.`)
	d.console.line(b.String())
}
