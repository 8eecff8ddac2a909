package app

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// credentials are those that open nothing, tried on a call of customers.
func (v *victim) credentials() []attack {
	body := `{"order_ref":"A-1","transaction_amount":"150000.00"}`
	var list []attack
	add := func(name string, status int, lines ...string) {
		list = append(list, attack{name: name, status: status, protocol: status == 0, raw: request("POST", "/v1/transactions", "", body, lines...)})
	}
	for name, token := range v.tokens() {
		add("token "+name, http.StatusUnauthorized, "Authorization: Bearer "+v.secret(token))
	}
	id, _, _ := strings.Cut(v.service[3:], "_")
	for name, key := range map[string]string{
		"guessed":           "sk_" + id + "_" + strings.Repeat("A", 43),
		"cut off":           v.service[:len(v.service)-1],
		"longer":            v.service + "A",
		"another id":        "sk_" + strings.Repeat("a", 12) + v.service[15:],
		"in upper case":     strings.ToUpper(v.service),
		"without an id":     "sk__" + strings.Repeat("B", 43),
		"with a wildcard":   "sk_" + strings.Repeat("%", 12) + "_" + strings.Repeat("C", 43),
		"with SQL":          "sk_' OR 1=1;--_" + strings.Repeat("D", 43),
		"with invalid text": "sk_\xff\xfe\xfd" + strings.Repeat("E", 52),
		"huge":              "sk_" + strings.Repeat("F", 9000),
	} {
		add("key "+name, http.StatusUnauthorized, "Authorization: Bearer "+v.secret(key))
	}
	for name, lines := range map[string][]string{
		"none":                    nil,
		"empty":                   {"Authorization:"},
		"scheme only":             {"Authorization: Bearer"},
		"no scheme":               {"Authorization: " + v.service},
		"Basic":                   {"Authorization: Basic " + v.secret(base64.StdEncoding.EncodeToString([]byte("admin:"+v.service)))},
		"two":                     {"Authorization: Bearer " + v.service, "Authorization: Bearer " + v.token},
		"list":                    {"Authorization: Bearer " + v.service + ", Bearer " + v.token},
		"in a cookie":             {"Cookie: Authorization=Bearer " + v.token},
		"in another header":       {"X-Authorization: Bearer " + v.service, "X-Api-Key: " + v.service, "Proxy-Authorization: Bearer " + v.token},
		"after a tab":             {"Authorization: Bearer\t" + v.service},
		"with a zero-width space": {"Authorization: Bearer \u200b" + v.service},
	} {
		add(name, http.StatusUnauthorized, lines...)
	}
	for path, credential := range map[string]string{"/v1/tiers": v.service, "/v1/tiers/1": v.token, "/v1/otp/" + v.challenge: v.admin} {
		list = append(list, attack{name: "good, but not for " + path, status: http.StatusForbidden, raw: request("GET", path, credential, "")})
	}
	return append(list, attack{name: "in the query", raw: request("POST", "/v1/transactions?access_token="+v.token+"&token="+v.token, "", body), status: http.StatusUnauthorized})
}

// tokens are JWTs that each have one thing wrong.
func (v *victim) tokens() map[string]string {
	const header = `{"alg":"EdDSA","kid":"site"}`
	b64 := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	payload := strings.Split(v.token, ".")[1]
	public := v.signing.Public().(ed25519.PublicKey)
	confused := b64([]byte(`{"alg":"HS256","kid":"site"}`)) + "." + payload
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(confused))
	list := map[string]string{
		"of three dots":          "..",
		"of garbage":             "eyJ" + strings.Repeat("!", 100),
		"of one part":            payload,
		"of four parts":          v.token + ".AAAA",
		"without its signature":  v.token[:strings.LastIndexByte(v.token, '.')+1],
		"with padding":           v.token + "==",
		"with a changed claim":   strings.Replace(v.token, payload, b64([]byte(`{"aud":"sespan","sub":"2","iat":1,"exp":9}`)), 1),
		"unsigned":               b64([]byte(`{"alg":"none","kid":"site"}`)) + "." + payload + ".",
		"unsigned in upper case": b64([]byte(`{"alg":"NONE","kid":"site"}`)) + "." + payload + ".",
		"HMAC by the public key": confused + "." + b64(mac.Sum(nil)),
		"of another issuer":      v.foreign(`{"alg":"EdDSA","kid":"site"}`),
		"of its own key":         v.foreign(`{"alg":"EdDSA","kid":"site","jwk":{"kty":"OKP","crv":"Ed25519","x":"` + b64(public) + `"}}`),
		"of a key elsewhere":     v.foreign(`{"alg":"EdDSA","kid":"site","jku":"https://evil.example/jwks","x5u":"https://evil.example/x5u"}`),
		"of a key in a file":     v.foreign(`{"alg":"EdDSA","kid":"../../../../dev/null"}`),
		"of a key by SQL":        v.foreign(`{"alg":"EdDSA","kid":"' UNION SELECT 'x"}`),
		"with a critical header": v.running.token(`{"alg":"EdDSA","kid":"site","crit":["b64"],"b64":false}`, claims(nil)),
		"without a kid":          v.running.token(`{"alg":"EdDSA"}`, claims(nil)),
		"that is long":           v.running.token(header, claims(map[string]any{"pad": strings.Repeat("x", 5000)})),
		"that is deep":           b64([]byte(header)) + "." + b64([]byte(strings.Repeat("[", 2000))) + "." + b64(make([]byte, 64)),
	}
	for name, change := range map[string]map[string]any{
		"expired":            {"iat": now - 900, "exp": now - 300},
		"of the future":      {"iat": now + 300, "exp": now + 900},
		"that lives long":    {"exp": now + 86400},
		"for ever":           {"exp": nil},
		"of exponents":       {"exp": 1e300, "iat": -1e300},
		"for somebody else":  {"aud": "shop"},
		"for nobody":         {"aud": nil},
		"of a number":        {"sub": 1},
		"of customer 0":      {"sub": "0"},
		"of no customer":     {"sub": "admin"},
		"of a huge customer": {"sub": "9223372036854775808"},
		"without an order":   {"order_ref": nil, "amount": nil},
		"of a free order":    {"amount": "-1"},
		"with roles too":     {"roles": []string{"admin", "service"}, "scope": "staff"},
		"with a scope":       {"scope": "staff"},
	} {
		list[name] = v.running.token(header, claims(change))
	}
	return list
}

// foreign signs good claims with a key of its own.
func (v *victim) foreign(header string) string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		v.t.Fatal(err)
	}
	other := running{t: v.t, signing: key}
	return other.token(header, claims(map[string]any{"jti": fmt.Sprint(len(header))}))
}
