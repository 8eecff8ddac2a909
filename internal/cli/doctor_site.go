package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"sespan/internal/access"
	"sespan/internal/config"
)

// settingError is for an error that says itself which setting is wrong and what to do.
func settingError(err error) []finding {
	if s, ok := errors.AsType[*config.Error](err); ok {
		return wrong(s.Variable+" "+s.Problem, s.Hint)
	}
	return wrong(err.Error(), "")
}

// checkTokens reads the site's public keys as serve does, and does not take silence for
// an answer.
func (x *examination) checkTokens(ctx context.Context) []finding {
	jwks := x.settings.JWKS
	switch {
	case !x.settings.Runs("api"):
		return unchecked("this process serves no calls (SESPAN_RUN)", "")
	case jwks == "":
		return unchecked("SESPAN_JWKS is not set: browsers and staff cannot call", "manage.py sespan_init --jwks checkout.jwks.json writes the file to name there")
	}
	keys, err := x.web.Keys(ctx, jwks)
	switch {
	case errors.Is(err, access.ErrKeySource) && strings.Contains(jwks, "://"):
		return warning(jwks+" does not answer, and every token is refused until it does: "+cause(err), "see that the site runs, answers 200 there without a redirect, and that this machine trusts its certificate")
	case err != nil:
		return wrong(jwks+" cannot be used: "+err.Error(), "write it anew: manage.py sespan_init --jwks FILE")
	case keys == 0:
		return warning(jwks+" holds no key: every token is refused", "write it anew, unless that is meant: manage.py sespan_init --jwks FILE")
	}
	return well("%s holds %s", jwks, count(keys, "usable key", "usable keys"))
}

// siteURL is a page of the site, to see its clock.
func (x *examination) siteURL() string {
	if strings.Contains(x.settings.JWKS, "://") {
		return x.settings.JWKS
	}
	u, err := url.Parse(strings.ReplaceAll(x.settings.OTPLink, "{challenge_id}", "x"))
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).String()
}

// checkSiteClock compares this machine's clock with the site's, which signs tokens for minutes.
func (x *examination) checkSiteClock(ctx context.Context) []finding {
	at := x.siteURL()
	if at == "" {
		return unchecked("no address of the site is known", "SESPAN_OTP_LINK or an https SESPAN_JWKS names one")
	}
	asked := x.now()
	there, err := x.web.Date(ctx, at)
	if err != nil {
		return unchecked(at+" does not answer: "+cause(err), "run the doctor again when the site runs")
	}
	halfway := asked.Add(x.now().Sub(asked) / 2) // when the site looked at its clock
	return judgeClock("the clock of "+at, there.Sub(halfway))
}

const (
	oneAddressCustomers = 10   // so many of them behind one address are no household
	oneAddressShare     = 0.95 // of all calls
)

// checkProxies finds a set-up in which every visitor seems to have one address: a
// proxy's, or the site's own. Budgets of visitors are then of all visitors together.
func (x *examination) checkProxies(ctx context.Context) []finding {
	if !x.settings.Runs("api") {
		return unchecked("this process serves no calls (SESPAN_RUN)", "")
	}
	seen, err := x.doctor().AddressesSeen(ctx)
	if err != nil {
		return failed(err)
	}
	if seen.AllCalls == 0 {
		return unchecked("no call about a customer in the last day", "")
	}
	if seen.Customers < oneAddressCustomers || float64(seen.Calls) < oneAddressShare*float64(seen.AllCalls) {
		return well("calls of the last day came from several addresses, or from few customers")
	}
	whose := ""
	if a, err := netip.ParseAddr(seen.Address); err == nil && (a.IsPrivate() || a.IsLoopback()) {
		whose = ", an address of this network"
	}
	return warning(fmt.Sprintf("%d of the last day's %d newest calls, of %d customers, came from %s%s: every visitor seems to be the same", seen.Calls, seen.AllCalls, seen.Customers, seen.Address, whose),
		"name the proxy before sespan serve in SESPAN_TRUSTED_PROXIES, and the site's own view of the visitor in SESPAN[\"CLIENT_IP\"] (docs/django.md)")
}
