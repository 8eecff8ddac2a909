package access_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sespan/internal/access"
	"sespan/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVerifyGoodTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.tokens(&source{document: jwks(t, i.edJWK("ed"), i.ecJWK("ec"), map[string]any{"kty": "OKP", "crv": "X25519", "kid": "other", "x": b64(make([]byte, 32))})})
	customer := access.Principal{
		Kind: access.KindCustomer, Roles: []access.Role{access.RoleCustomer}, Subject: "42", OrderRef: "2026-0001", Amount: "150000.00",
	}
	got, err := v.Verify(t.Context(), i.token(claims(nil)))
	require.NoError(t, err, errors.Unwrap(err))
	assert.Equal(t, customer, got)
	got, err = v.Verify(t.Context(), i.token(claims(map[string]any{"customer_table": "public.auth_user"})))
	require.NoError(t, err, errors.Unwrap(err))
	assert.Equal(t, "public.auth_user", got.CustomerTable)
	got, err = v.Verify(t.Context(), i.ecToken(claims(map[string]any{"aud": []string{"other", "sespan"}})))
	require.NoError(t, err, errors.Unwrap(err))
	assert.Equal(t, customer, got)

	got, err = v.Verify(t.Context(), i.token(staff("roles", []string{"admin", "service", "customer", "nobody", "report"})))
	require.NoError(t, err, errors.Unwrap(err))
	assert.Equal(t, access.Principal{Kind: access.KindStaff, Roles: []access.Role{access.RoleReport, access.RoleAdmin}, Subject: "42", Name: "ratna", Issued: start.Local()}, got)
}

func TestVerifyLeeway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.tokens(&source{document: jwks(t, i.edJWK("ed"))})
	good := i.token(claims(nil))
	i.clock.add(10*time.Minute + 29*time.Second)
	_, err := v.Verify(t.Context(), good)
	require.NoError(t, err)
	i.clock.add(time.Second)
	_, err = v.Verify(t.Context(), good)
	require.Error(t, err)
	_, err = v.Verify(t.Context(), i.token(claims(map[string]any{"iat": i.clock.Now().Unix() + 30, "exp": i.clock.Now().Unix() + 60})))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), i.token(claims(map[string]any{"iat": i.clock.Now().Unix() + 31, "exp": i.clock.Now().Unix() + 60})))
	require.Error(t, err)
}

func TestVerifyRefusesHostileTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := i.tokens(&source{document: jwks(t, i.edJWK("ed"), i.ecJWK("ec"))})
	good := i.token(claims(nil))
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	raw, err := json.Marshal(claims(nil))
	require.NoError(t, err)
	text := string(raw)
	hs := func(secret []byte) string {
		input := b64([]byte(`{"alg":"HS256","kid":"ed"}`)) + "." + payload
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + b64(mac.Sum(nil))
	}
	public := i.ed.Public().(ed25519.PublicKey)
	big := sha512.Sum512([]byte("x"))
	for name, token := range map[string]string{
		"empty":                      "",
		"not a token":                "hello",
		"alg none":                   b64([]byte(`{"alg":"none","kid":"ed"}`)) + "." + payload + ".",
		"alg None, signed":           i.signed(`{"alg":"None","kid":"ed"}`, text),
		"HS256 with the public key":  hs(public),
		"HS256 with its text":        hs([]byte(b64(public))),
		"alg of the other key":       i.signed(`{"alg":"ES256","kid":"ed"}`, text),
		"kid of the other key":       i.signed(`{"alg":"EdDSA","kid":"ec"}`, text),
		"no alg":                     i.signed(`{"kid":"ed"}`, text),
		"alg twice":                  i.signed(`{"alg":"none","alg":"EdDSA","kid":"ed"}`, text),
		"no kid":                     i.signed(`{"alg":"EdDSA"}`, text),
		"kid a number":               i.signed(`{"alg":"EdDSA","kid":1}`, text),
		"kid a path":                 i.signed(`{"alg":"EdDSA","kid":"../../dev/null"}`, text),
		"kid SQL":                    i.signed(`{"alg":"EdDSA","kid":"ed' OR '1'='1"}`, text),
		"kid of another case":        i.signed(`{"alg":"EdDSA","kid":"ED"}`, text),
		"kid very long":              i.signed(`{"alg":"EdDSA","kid":"`+strings.Repeat("x", 200)+`"}`, text),
		"own key in the header":      i.signed(`{"alg":"EdDSA","kid":"ed","jwk":{"kty":"OKP"}}`, text),
		"key elsewhere":              i.signed(`{"alg":"EdDSA","kid":"ed","jku":"https://evil.example/jwks"}`, text),
		"crit":                       i.signed(`{"alg":"EdDSA","kid":"ed","crit":["exp"]}`, text),
		"b64 false":                  i.signed(`{"alg":"EdDSA","kid":"ed","b64":false}`, text),
		"header an array":            i.signed(`["EdDSA"]`, text),
		"header with a tail":         i.signed(`{"alg":"EdDSA","kid":"ed"}{}`, text),
		"payload changed":            head + "." + b64([]byte(strings.Replace(text, "150000", "1", 1))) + "." + signature,
		"signature cut":              head + "." + payload + "." + signature[:len(signature)-4],
		"signature of zeros":         head + "." + payload + "." + b64(make([]byte, 64)),
		"another's signature":        head + "." + payload + "." + b64(big[:]),
		"no signature":               head + "." + payload + ".",
		"two parts":                  head + "." + payload,
		"four parts":                 good + ".x",
		"five parts":                 good + ".x.y",
		"a thousand parts":           strings.Repeat("a.", 1000) + "a",
		"huge":                       head + "." + b64([]byte(`{"x":"`+strings.Repeat("x", 8000)+`"}`)) + "." + signature,
		"white space":                " " + good,
		"padding":                    head + "=." + payload + "." + signature,
		"JSON serialization":         `{"payload":"` + payload + `","protected":"` + head + `","signature":"` + signature + `"}`,
		"payload no JSON":            i.signed(`{"alg":"EdDSA","kid":"ed"}`, "hello"),
		"payload an array":           i.signed(`{"alg":"EdDSA","kid":"ed"}`, "[]"),
		"payload null":               i.signed(`{"alg":"EdDSA","kid":"ed"}`, "null"),
		"claim twice":                i.signed(`{"alg":"EdDSA","kid":"ed"}`, `{"sub":"1",`+text[1:]),
		"claim in capitals":          i.signed(`{"alg":"EdDSA","kid":"ed"}`, strings.Replace(text, `"sub"`, `"SUB"`, 1)),
		"no aud":                     i.token(claims(map[string]any{"aud": nil})),
		"other aud":                  i.token(claims(map[string]any{"aud": "sespan.evil"})),
		"aud a number":               i.token(claims(map[string]any{"aud": 1})),
		"no exp":                     i.token(claims(map[string]any{"exp": nil})),
		"exp null":                   i.signed(`{"alg":"EdDSA","kid":"ed"}`, strings.Replace(text, `"exp":`, `"exp":null,"x":`, 1)),
		"exp a string":               i.token(claims(map[string]any{"exp": "9999999999"})),
		"exp past":                   i.token(claims(map[string]any{"iat": start.Add(-10 * time.Minute).Unix(), "exp": start.Add(-31 * time.Second).Unix()})),
		"exp in the year 10^9":       i.token(claims(map[string]any{"iat": 1e17, "exp": 1e17 + 100})),
		"exp infinite":               i.signed(`{"alg":"EdDSA","kid":"ed"}`, strings.Replace(text, `"exp":`, `"exp":1e999,"x":`, 1)),
		"no iat":                     i.token(claims(map[string]any{"iat": nil})),
		"iat to come":                i.token(claims(map[string]any{"iat": start.Unix() + 60, "exp": start.Unix() + 120})),
		"16 minutes":                 i.token(claims(map[string]any{"exp": start.Unix() + 960})),
		"exp before iat":             i.token(claims(map[string]any{"iat": start.Unix() + 20, "exp": start.Unix() + 10})),
		"nbf to come":                i.token(claims(map[string]any{"nbf": start.Unix() + 60})),
		"sub a number":               i.token(claims(map[string]any{"sub": 42})),
		"sub missing":                i.token(claims(map[string]any{"sub": nil})),
		"sub zero":                   i.token(claims(map[string]any{"sub": "0"})),
		"sub negative":               i.token(claims(map[string]any{"sub": "-1"})),
		"sub with a zero in front":   i.token(claims(map[string]any{"sub": "042"})),
		"sub beyond 64 bits":         i.token(claims(map[string]any{"sub": "9999999999999999999"})),
		"sub with a line end":        i.token(claims(map[string]any{"sub": "42\n"})),
		"customer_table empty":       i.token(claims(map[string]any{"customer_table": ""})),
		"customer_table of 261":      i.token(claims(map[string]any{"customer_table": strings.Repeat("a", 261)})),
		"customer_table as a list":   i.token(claims(map[string]any{"customer_table": []string{"public.auth_user"}})),
		"order_ref missing":          i.token(claims(map[string]any{"order_ref": nil})),
		"order_ref with a blank":     i.token(claims(map[string]any{"order_ref": "a b"})),
		"order_ref of 65":            i.token(claims(map[string]any{"order_ref": strings.Repeat("a", 65)})),
		"amount missing":             i.token(claims(map[string]any{"amount": nil})),
		"amount a number":            i.token(claims(map[string]any{"amount": 150000.0})),
		"amount negative":            i.token(claims(map[string]any{"amount": "-1.00"})),
		"amount in science":          i.token(claims(map[string]any{"amount": "1e5"})),
		"amount not a number":        i.token(claims(map[string]any{"amount": "NaN"})),
		"neither order nor roles":    i.token(claims(map[string]any{"order_ref": nil, "amount": nil})),
		"order and roles":            i.token(claims(map[string]any{"roles": []string{"admin"}})),
		"roles a string":             i.token(staff("roles", "admin")),
		"an order with a scope":      i.token(claims(map[string]any{"scope": "staff"})),
		"roles of no scope":          i.token(staff("scope", nil)),
		"roles of another scope":     i.token(staff("scope", "customer")),
		"roles of a list of scopes":  i.token(staff("scope", []string{"staff"})),
		"roles of two scopes":        i.token(staff("scope", "staff admin")),
		"no roles":                   i.token(staff("roles", []string{})),
		"roles that are none":        i.token(staff("roles", []string{"root", "Admin", "service", "customer"})),
		"roles of numbers":           i.token(staff("roles", []int{1})),
		"roles an object":            i.token(staff("roles", map[string]any{"admin": true})),
		"roles without end":          i.token(staff("roles", slices.Repeat([]string{"admin"}, 1000))),
		"staff without a sub":        i.token(staff("sub", "")),
		"staff without a name":       i.token(staff("name", nil)),
		"staff of a long name":       i.token(staff("name", strings.Repeat("x", 151))),
		"staff of two lines":         i.token(staff("name", "ratna\nadmin")),
		"staff of no address":        i.token(staff("address", "the shop")),
		"staff of two addresses":     i.token(staff("address", "192.0.2.7, 192.0.2.8")),
		"staff of a list of them":    i.token(staff("address", []string{"192.0.2.7"})),
		"staff of a name of names":   i.token(staff("name", []string{"ratna"})),
		"a service key":              "sk_abcdef234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"invalid UTF-8 in the claim": i.signed(`{"alg":"EdDSA","kid":"ed"}`, strings.Replace(text, "2026-0001", "2026\xff0001", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := v.Verify(t.Context(), token)
			require.Error(t, err)
			assert.Equal(t, problem.Unauthorized, problem.SlugOf(err))
			assert.Empty(t, p)
			refused, ok := errors.AsType[*problem.Problem](err)
			require.True(t, ok)
			assert.Equal(t, "Send Authorization: Bearer with a valid service key or token.", refused.Detail, "one answer for everything")
			if len(token) > 40 {
				assert.NotContains(t, err.Error(), token[len(token)-20:], "the operator's log holds no token")
			}
		})
	}
}

func TestTwoKeysDuringARotation(t *testing.T) {
	t.Parallel()
	i, next := newIssuer(t), newIssuer(t)
	src := &source{document: jwks(t, i.edJWK("ed"))}
	v := i.tokens(src)
	require.NoError(t, v.Keys.Load(t.Context()))
	old := i.token(claims(nil))
	raw, err := json.Marshal(claims(map[string]any{"exp": start.Add(14 * time.Minute).Unix()}))
	require.NoError(t, err)
	fresh := next.signed(`{"alg":"EdDSA","kid":"next"}`, string(raw))

	i.clock.add(time.Minute)
	src.set(jwks(t, i.edJWK("ed"), next.edJWK("next")), nil)
	_, err = v.Verify(t.Context(), fresh)
	require.NoError(t, err, "a new key works at once")
	_, err = v.Verify(t.Context(), old)
	require.NoError(t, err)
	assert.Equal(t, 2, src.count())

	for range 50 { // invented kids do not hammer the site
		_, err = v.Verify(t.Context(), next.signed(`{"alg":"EdDSA","kid":"invented"}`, string(raw)))
		require.Error(t, err)
	}
	assert.Equal(t, 2, src.count())

	src.set(jwks(t, next.edJWK("next")), nil)
	i.clock.add(20 * time.Minute)
	_, err = v.Verify(t.Context(), i.token(claims(map[string]any{"iat": i.clock.Now().Unix(), "exp": i.clock.Now().Unix() + 60})))
	require.Error(t, err, "a withdrawn key is gone")

	src.set(nil, errors.New("down"))
	i.clock.add(20 * time.Minute)
	raw, err = json.Marshal(claims(map[string]any{"iat": i.clock.Now().Unix(), "exp": i.clock.Now().Unix() + 60}))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), next.signed(`{"alg":"EdDSA","kid":"next"}`, string(raw)))
	require.NoError(t, err, "the keys from before serve while the site is down")
}

func TestLoadRefusesUnusableDocuments(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	private := i.edJWK("ed")
	private["d"] = b64(i.ed.Seed())
	many := make([]map[string]any, 17)
	for n := range many {
		many[n] = i.edJWK(strings.Repeat("k", n+1))
	}
	encryption := i.edJWK("ed")
	encryption["use"] = "enc"
	other := i.edJWK("ed")
	other["alg"] = "ES256"
	unnamed := i.edJWK("ed")
	delete(unnamed, "kid")
	for name, c := range map[string]struct {
		document []byte
		says     string
	}{
		"garbage":              {[]byte("hello"), "not a JWKS"},
		"empty":                {[]byte{}, "not a JWKS"},
		"a private key":        {jwks(t, private), "private or symmetric"},
		"a symmetric key":      {jwks(t, i.edJWK("ed"), map[string]any{"kty": "oct", "kid": "s", "k": b64(make([]byte, 32))}), "private or symmetric"},
		"no kid":               {jwks(t, unnamed), "no kid"},
		"a kid twice":          {jwks(t, i.edJWK("a"), i.ecJWK("a")), "share the kid"},
		"too many":             {jwks(t, many...), "17 keys"},
		"for encryption":       {jwks(t, encryption), "no Ed25519"},
		"another algorithm":    {jwks(t, other), "no Ed25519"},
		"only RSA":             {jwks(t, map[string]any{"kty": "RSA", "kid": "r", "n": b64(make([]byte, 256)), "e": "AQAB"}), ""},
		"a point off the line": {jwks(t, map[string]any{"kty": "EC", "crv": "P-256", "kid": "e", "x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := i.tokens(&source{document: c.document}).Keys.Load(t.Context())
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.says)
			assert.NotContains(t, err.Error(), b64(i.ed.Seed()))
		})
	}
}

// {"keys":[]} is a document that says: none. Every token is refused from then on.
func TestADocumentOfNoKeys(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	keys := &source{document: jwks(t, i.edJWK("ed"))}
	v := i.tokens(keys)
	require.NoError(t, v.Keys.Load(t.Context()))
	require.Equal(t, 1, v.Keys.Len())
	keys.document = []byte(`{"keys":[]}`)
	require.NoError(t, v.Keys.Load(t.Context()))
	require.Equal(t, 0, v.Keys.Len())
}

func BenchmarkVerify(b *testing.B) {
	t := &testing.T{}
	i := newIssuer(t)
	v := i.tokens(&source{document: jwks(t, i.edJWK("ed"), i.ecJWK("ec"))})
	for name, token := range map[string]string{"EdDSA": i.token(claims(nil)), "ES256": i.ecToken(claims(nil))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(errors.Unwrap(err))
				}
			}
		})
	}
}
