package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"sespan/internal/address"
)

// asBrowsersSend gives an origin in the one form in which browsers send it (RFC 6454,
// 6.2): small letters, A-labels, the shortest form of an IP address, and no port that the
// scheme has by itself. False for what no browser sends.
func asBrowsersSend(written string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(written))
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.User != nil || strings.ContainsAny(written, "#*%\\") {
		return "", false
	}
	usual, known := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	host, ok := hostAsBrowsersSend(u.Hostname(), strings.HasPrefix(u.Host, "["))
	if !known || !ok {
		return "", false
	}
	port := u.Port()
	if port == "" {
		return u.Scheme + "://" + host, !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	if port = strconv.FormatUint(n, 10); port == usual {
		return u.Scheme + "://" + host, true
	}
	return u.Scheme + "://" + host + ":" + port, true
}

func hostAsBrowsersSend(name string, bracketed bool) (string, bool) {
	ip, err := netip.ParseAddr(name)
	switch {
	case err == nil && ip.Is4() && !bracketed:
		return ip.String(), true
	case err == nil && ip.Is6() && bracketed && !ip.Is4In6() && ip.Zone() == "":
		return "[" + ip.String() + "]", true
	case err == nil || bracketed:
		return "", false
	}
	host, err := address.Domain(name)
	if err != nil || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" {
		return "", false
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return host, strings.Trim(last, "0123456789") != "" // 127.1 and the like are sent as 127.0.0.1
}
