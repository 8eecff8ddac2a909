package httpapi

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestClientOf(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for name, c := range map[string]struct {
		socket  string
		headers []string
		want    string
	}{
		"no proxy":                {"192.0.2.9", []string{"203.0.113.1"}, "192.0.2.9"},
		"one proxy":               {"10.0.0.1", []string{"203.0.113.1"}, "203.0.113.1"},
		"spoofed in front":        {"10.0.0.1", []string{"127.0.0.1, 10.9.9.9, 203.0.113.1"}, "203.0.113.1"},
		"two proxies":             {"10.0.0.1", []string{"203.0.113.1, 10.0.0.2"}, "203.0.113.1"},
		"two headers":             {"10.0.0.1", []string{"198.51.100.1, 203.0.113.1", "10.0.0.2"}, "203.0.113.1"},
		"only proxies":            {"10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"none":                    {"10.0.0.1", nil, "10.0.0.1"},
		"empty":                   {"10.0.0.1", []string{""}, "10.0.0.1"},
		"garbage":                 {"10.0.0.1", []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		"garbage behind a proxy":  {"10.0.0.1", []string{"<script>, 10.0.0.2"}, "10.0.0.2"},
		"with a port":             {"10.0.0.1", []string{"203.0.113.1:4711"}, "203.0.113.1"},
		"IPv6 with a port":        {"10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		"IPv6 in brackets":        {"2001:db8:1::1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"with a zone":             {"10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1"},
		"mapped":                  {"10.0.0.1", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		"mapped proxy":            {"10.0.0.1", []string{"203.0.113.1, ::ffff:10.0.0.2"}, "203.0.113.1"},
		"a chain without end":     {"10.0.0.1", []string{"203.0.113.1" + strings.Repeat(", 10.0.0.2", 1000)}, "10.0.0.2"},
		"an address of all zeros": {"10.0.0.1", []string{"0.0.0.0"}, "0.0.0.0"},
	} {
		got := clientOf(netip.MustParseAddr(c.socket), c.headers, trusted)
		assert.Equal(t, c.want, got.String(), name)
	}
	assert.False(t, clientOf(netip.Addr{}, []string{"203.0.113.1"}, trusted).IsValid())
}
