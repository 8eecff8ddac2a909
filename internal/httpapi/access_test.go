package httpapi

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/httpfetch"
)

// signer is the site's key for tokens, with its JWKS in a file.
type signer struct {
	t    *testing.T
	key  ed25519.PrivateKey
	file string
}

func newSigner(t *testing.T, kid string) *signer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s := &signer{t: t, key: private, file: filepath.Join(t.TempDir(), "jwks.json")}
	s.publish(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(public)})
	return s
}

func (s *signer) publish(keys ...map[string]any) {
	s.t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(s.file, raw, 0o600))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (s *signer) token(kid string, claims map[string]any) string {
	s.t.Helper()
	now := time.Now().Unix()
	all := map[string]any{"aud": "sespan", "iat": now, "exp": now + 300}
	for name, value := range claims {
		all[name] = value
	}
	payload, err := json.Marshal(all)
	require.NoError(s.t, err)
	input := b64([]byte(`{"alg":"EdDSA","kid":"`+kid+`"}`)) + "." + b64(payload)
	return input + "." + b64(ed25519.Sign(s.key, []byte(input)))
}

func (s *signer) deps(d *Deps) {
	tokens, err := httpfetch.OpenTokens(s.t.Context(), s.file, time.Now, slog.New(slog.DiscardHandler))
	require.NoError(s.t, err)
	d.Tokens = tokens
}

// withGuardedOperations adds operations with every kind of lock; each answers who called.
func withGuardedOperations(api huma.API) {
	who := func(ctx context.Context, _ *struct{}) (*struct{ Body access.Principal }, error) {
		p, _ := access.From(ctx)
		return &struct{ Body access.Principal }{p}, nil
	}
	add := func(path string, open bool, allow ...access.Role) {
		op := operation(apilog.Report, http.MethodGet, path, "get"+path[1:], path, http.StatusOK, allow...)
		if open {
			op = public(op)
		}
		register(api, op, who)
	}
	add("/service", false, access.RoleService)
	add("/reports", false, access.RoleReport, access.RoleAdmin)
	add("/draw", false, access.RoleCustomer, access.RoleService)
	add("/nobody", false)
	add("/open", true)
}

func TestWhoMayCallWhat(t *testing.T) {
	t.Parallel()
	sg := newSigner(t, "one")
	s := newSite(t, sg.deps, withGuardedOperations)
	customer := sg.token("one", map[string]any{"sub": "42", "order_ref": "a", "amount": "1.00"})
	staff := sg.token("one", map[string]any{"sub": "7", "scope": "staff", "name": "ratna", "roles": []string{"report", "service"}})
	outsider := sg.token("one", map[string]any{"sub": "7", "scope": "staff", "name": "ratna", "roles": []string{"root"}})
	credentials := map[string]string{
		"service": s.key(access.RoleService), "report": s.key(access.RoleReport), "dashboard": s.key(access.RoleDashboard),
		"admin": s.key(access.RoleAdmin), "customer": customer, "staff": staff, "outsider": outsider, "none": "",
	}
	for path, allowed := range map[string][]string{
		"/service": {"service"},
		"/reports": {"report", "admin", "staff"},
		"/draw":    {"service", "customer"},
		"/nobody":  {},
		"/open":    {"service", "report", "dashboard", "admin", "customer", "staff", "outsider", "none"},
	} {
		for who, credential := range credentials {
			want := http.StatusForbidden
			switch {
			case contains(allowed, who):
				want = http.StatusOK
			case who == "none", who == "outsider":
				want = http.StatusUnauthorized
			}
			header := []string{"Authorization", "Bearer " + credential}
			if credential == "" {
				header = nil
			}
			a := s.call("GET", path, "", header...)
			assert.Equal(t, want, a.status, "%s for %s: %s", path, who, a.body)
			switch want {
			case http.StatusUnauthorized:
				assert.Equal(t, "unauthorized", a.problem(t))
				assert.Equal(t, `Bearer realm="sespan"`, a.header.Get("WWW-Authenticate"))
			case http.StatusForbidden:
				assert.Equal(t, "forbidden", a.problem(t))
			}
		}
	}
	a := s.call("GET", "/draw", "", "Authorization", "Bearer "+customer)
	assert.JSONEq(t, `{"Kind":"customer","Roles":["customer"],"KeyID":"","Subject":"42","Name":"","Address":"","CustomerTable":"","Issued":"0001-01-01T00:00:00Z","OrderRef":"a","Amount":"1.00","Address":"","CustomerTable":""}`, a.body)
	r := s.row(a)
	assert.Equal(t, int64(42), *r.CustomerID)
	assert.Contains(t, r.RequestHeader, `"authorization": "[redacted]"`)
	assert.Equal(t, http.StatusOK, s.call("GET", "/openapi.json", "").status)
}

func contains(list []string, s string) bool {
	for _, word := range list {
		if word == s {
			return true
		}
	}
	return false
}

func TestCredentialsCountOnlyInTheHeader(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, withGuardedOperations)
	key := s.key(access.RoleService)
	assert.Equal(t, 200, s.call("GET", "/service", "", "Authorization", "bearer  "+key).status)
	for name, header := range map[string][]string{
		"cookie":        {"Cookie", "Authorization=Bearer " + key + "; key=" + key},
		"basic":         {"Authorization", "Basic " + b64([]byte("sespan:"+key))},
		"no scheme":     {"Authorization", key},
		"two headers":   {"Authorization", "Bearer " + key, "Authorization", "Bearer " + key},
		"two keys":      {"Authorization", "Bearer " + key + ", Bearer " + key},
		"another name":  {"X-Api-Key", key},
		"empty":         {"Authorization", ""},
		"empty bearer":  {"Authorization", "Bearer "},
		"a longer list": {"Authorization", "Bearer " + key + " " + key},
	} {
		a := s.call("GET", "/service", "", header...)
		assert.Equal(t, 401, a.status, name)
		assert.NotContains(t, a.body, key, name)
	}
	a := s.call("GET", "/service?key="+key+"&authorization=Bearer+"+key, "")
	assert.Equal(t, 401, a.status)
	assert.NotContains(t, s.row(a).RequestHeader, key)
	a = s.call("GET", "/service?key="+key, "", "Authorization", "Bearer "+key)
	assert.Equal(t, 422, a.status, "a key in the address is never taken")
}

func TestARevokedKeyStopsWorking(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, withGuardedOperations)
	key := s.key(access.RoleService)
	require.Equal(t, 200, s.call("GET", "/service", "", "Authorization", "Bearer "+key).status)
	_, err := s.keys.Revoke(t.Context(), key)
	require.NoError(t, err)
	s.skew.Store(int64(5 * time.Second)) // the life of the cache
	assert.Equal(t, 401, s.call("GET", "/service", "", "Authorization", "Bearer "+key).status)
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, withGuardedOperations)
	service, report := s.key(access.RoleService), s.key(access.RoleReport)
	for name, c := range map[string]struct {
		path   string
		header []string
		want   string
	}{
		"sent by the service":   {"/service", []string{"Authorization", "Bearer " + service, "Sespan-Client-Ip", " 2001:db8::7 "}, "2001:db8::7"},
		"mapped":                {"/service", []string{"Authorization", "Bearer " + service, "Sespan-Client-Ip", "::ffff:192.0.2.1"}, "192.0.2.1"},
		"garbage":               {"/service", []string{"Authorization", "Bearer " + service, "Sespan-Client-Ip", "localhost"}, "127.0.0.1"},
		"twice":                 {"/service", []string{"Authorization", "Bearer " + service, "Sespan-Client-Ip", "192.0.2.1", "Sespan-Client-Ip", "192.0.2.2"}, "127.0.0.1"},
		"sent by another role":  {"/reports", []string{"Authorization", "Bearer " + report, "Sespan-Client-Ip", "192.0.2.1"}, "127.0.0.1"},
		"sent without a key":    {"/service", []string{"Sespan-Client-Ip", "192.0.2.1"}, "127.0.0.1"},
		"forwarded, no proxies": {"/service", []string{"Authorization", "Bearer " + service, "X-Forwarded-For", "192.0.2.1"}, "127.0.0.1"},
	} {
		assert.Equal(t, c.want, *s.row(s.call("GET", c.path, "", c.header...)).IP, name)
	}
}

func TestKeyFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	sg := newSigner(t, "one")
	s := newSite(t, sg.deps, withGuardedOperations)
	claims := map[string]any{"sub": "42", "order_ref": "a", "amount": "1.00"}
	require.Equal(t, 200, s.call("GET", "/draw", "", "Authorization", "Bearer "+sg.token("one", claims)).status)
	sg.publish(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "number two", "x": b64(sg.key.Public().(ed25519.PublicKey))})
	assert.Eventually(t, func() bool {
		return s.call("GET", "/draw", "", "Authorization", "Bearer "+sg.token("number two", claims)).status == 200
	}, time.Minute, 100*time.Millisecond)
	assert.Equal(t, 401, s.call("GET", "/draw", "", "Authorization", "Bearer "+sg.token("one", claims)).status)
}
