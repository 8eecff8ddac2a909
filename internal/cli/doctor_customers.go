package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sespan/internal/access"
	"sespan/internal/postgres"
)

// checkBinding reads and activates a customer, and undoes it.
func (x *examination) checkBinding(ctx context.Context) []finding {
	b, err := x.pool.BindingState(ctx)
	switch {
	case err != nil:
		return failed(err)
	case !b.OK():
		return wrong(b.State+": "+b.Reason, "run: sespan bind-customers")
	}
	watched, err := x.pool.Watched(ctx)
	if err != nil {
		return failed(err)
	}
	text := "bound; whom plain SQL activates is not seen (bind-customers --watch)"
	if watched {
		text = "bound and watched"
	}
	if b.Reason != "" {
		text += ", but " + b.Reason
	}
	tried, err := x.pool.TryCustomers(ctx)
	switch {
	case postgres.NotTried(err):
		return warning(fmt.Sprintf("%s; %v", text, err), "run the doctor again")
	case postgres.FromServer(err):
		return failed(err)
	case err != nil: // it says itself what the site is to let pass
		return wrong(err.Error(), "")
	case tried == "none":
		return well("%s; there is no customer yet to try the activation with", text)
	}
	return well("%s; %s was read and activated, which was undone", text, tried)
}

// addressCount bounds the count of shared addresses, which reads every customer.
const addressCount = 2 * time.Second

// checkAddresses counts addresses of several customers, none of whom gets a code by it.
func (x *examination) checkAddresses(ctx context.Context) []finding {
	a, err := x.pool.Addresses(ctx, addressCount)
	if err != nil {
		return failed(err)
	}
	return judgeAddresses(a)
}

func judgeAddresses(a postgres.Addresses) []finding {
	slow := ""
	if !a.Indexed {
		slow = "; no index serves look-ups by address"
	}
	lookUp := ""
	if !a.Indexed && (a.Empty || a.Shared > 0) { // the unique one leaves empty ones out, or cannot be made yet
		lookUp = "; for look-ups now: " + a.LookUpIndex
	}
	switch {
	case a.Unique:
		return well("a unique index keeps each to one customer")
	case !a.Counted:
		return warning(fmt.Sprintf("whether any is shared was not counted within %s%s", addressCount, slow), "to find out, and keep them apart: "+a.UniqueIndex+lookUp)
	case a.Shared == 0:
		return []finding{{stateOK, "none is shared" + slow, "to keep it so: " + a.UniqueIndex + lookUp}}
	}
	number := fmt.Sprint(a.Shared)
	if a.More {
		number = "more than " + number
	}
	return warning(number+" shared by several customers, none of whom gets a code by it"+slow, "give each their own, then: "+a.UniqueIndex+lookUp)
}

// comparedWithin is how old the comparison of people may be: what no signal told would
// keep keys alive for so long.
const comparedWithin = 24 * time.Hour

// checkPeople looks when people's keys were last compared with the site's groups.
func (x *examination) checkPeople(ctx context.Context) []finding {
	keys, at, err := postgres.NewKeys(x.pool).Compared(ctx)
	const mend = "let cron run: manage.py sespan_compare_people"
	switch {
	case err != nil:
		return failed(err)
	case keys == 0:
		return well("nobody has a key of their own")
	case at.IsZero():
		return warning(count(int(keys), "key belongs", "keys belong")+" to people, who were never compared with the site's groups", mend)
	case x.now().Sub(at) > comparedWithin:
		return warning(fmt.Sprintf("%s to people, who were last compared with the site's groups at %s", count(int(keys), "key belongs", "keys belong"), timestampOrNever(at)), mend)
	}
	return well("%s to people, who were compared with the site's groups at %s", count(int(keys), "key belongs", "keys belong"), timestampOrNever(at))
}

// expiresSoon is early enough to make another key.
const expiresSoon = 14 * 24 * time.Hour

// checkServiceKeys looks whether the site has a key, and for how long.
func (x *examination) checkServiceKeys(ctx context.Context) []finding {
	if !x.settings.Runs("api") {
		return unchecked("this process serves no calls (SESPAN_RUN)", "")
	}
	keys, err := postgres.NewKeys(x.pool).KeyList(ctx, "")
	if err != nil {
		return failed(err)
	}
	var live int
	var ending []string
	for _, k := range keys {
		if k.Role != access.RoleService || !k.Revoked.IsZero() || !k.Expires.IsZero() && !k.Expires.After(x.now()) {
			continue
		}
		live++
		if !k.Expires.IsZero() && k.Expires.Sub(x.now()) < expiresSoon {
			ending = append(ending, fmt.Sprintf("%s (%q) at %s", k.ID, k.Name, timestampOrNever(k.Expires)))
		}
	}
	switch {
	case live == 0:
		return warning("there is no live key with role service, so the site cannot call", "sespan keys create --role service --name django")
	case len(ending) > 0:
		return warning("ends soon: "+strings.Join(ending, ", "), "sespan keys rotate ID --overlap 24h, then give the site the new one")
	}
	return well("%s for the site's server", count(live, "live key", "live keys"))
}
