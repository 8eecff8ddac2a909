package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how far a forwarded chain is followed.
const maxHops = 16

// clientIP corrects the client's address behind trusted proxies: of
// X-Forwarded-For, the right-most address that no trusted proxy owns. What stands
// left of it anybody can send.
func clientIP(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := requestContextOf(r.Context())
		c.clientIP = clientOf(c.clientIP, r.Header.Values("X-Forwarded-For"), trusted)
		next.ServeHTTP(w, r)
	})
}

// clientOf walks the chain from the socket leftwards. An entry that is no address
// ends the walk: the last trusted hop is all that is known then.
func clientOf(socket netip.Addr, headers []string, trusted []netip.Prefix) netip.Addr {
	client := socket
	hops := strings.Split(strings.Join(headers, ","), ",")
	for n, hop := range slices.Backward(hops) {
		if len(hops)-n > maxHops || !trusts(client, trusted) {
			return client
		}
		address, ok := hopAddress(strings.TrimSpace(hop))
		if !ok {
			return client
		}
		client = address
	}
	return client
}

func trusts(a netip.Addr, prefixes []netip.Prefix) bool {
	return a.IsValid() && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// hopAddress reads 192.0.2.1, 192.0.2.1:4711, 2001:db8::1 and [2001:db8::1]:4711.
func hopAddress(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}
