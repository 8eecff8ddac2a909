package httpapi

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sespan/internal/access"
)

const shop = "https://shop.example"

func withOrigins(d *Deps) { d.AllowedOrigins = []string{shop} }

func TestPreflight(t *testing.T) {
	t.Parallel()
	s := newSite(t, withOrigins, nil)
	ask := func(path, origin, method, headers string) answer {
		return s.call("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
	}
	a := ask(drawPath, shop, "POST", "authorization,baggage,content-type,sentry-trace,traceparent")
	assert.Equal(t, 204, a.status)
	assert.Equal(t, shop, a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "POST", a.header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "authorization,baggage,content-type,sentry-trace,traceparent", a.header.Get("Access-Control-Allow-Headers"))
	assert.Equal(t, "600", a.header.Get("Access-Control-Max-Age"))
	assert.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
	assert.Contains(t, a.header.Get("Vary"), "Origin")
	for name, a := range map[string]answer{
		"another origin":   ask(drawPath, "https://evil.example", "POST", "authorization"),
		"a longer host":    ask(drawPath, shop+".evil.example", "POST", "authorization"),
		"without TLS":      ask(drawPath, "http://shop.example", "POST", "authorization"),
		"a port":           ask(drawPath, shop+":444", "POST", "authorization"),
		"null":             ask(drawPath, "null", "POST", "authorization"),
		"another method":   ask(drawPath, shop, "DELETE", "authorization"),
		"another header":   ask(drawPath, shop, "POST", "x-evil"),
		"another call":     ask("/v1/logins", shop, "POST", "authorization"),
		"a call beside it": ask(drawPath+"/1/cancel", shop, "POST", "authorization"),
	} {
		assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"), name)
	}
	assert.Equal(t, 0, s.rows())
}

func TestAnswersToAnotherOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t, withOrigins, nil)
	a := s.call("POST", drawPath, "{}", "Origin", shop) // a page reads its failures too
	assert.GreaterOrEqual(t, a.status, 400)
	assert.Equal(t, shop, a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "X-Response-Id, Retry-After", a.header.Get("Access-Control-Expose-Headers"))
	a = s.call("POST", "/v1/logins", "{}", "Origin", shop, "Authorization", "Bearer "+s.key(access.RoleService))
	assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
}

func TestNoOriginsMeansNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	a := s.call("OPTIONS", drawPath, "", "Origin", shop, "Access-Control-Request-Method", "POST")
	assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
}
