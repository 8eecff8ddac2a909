package apilog_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/apilog"
)

const (
	serviceKey = "sk_abcdef234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	token      = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
)

func TestRedactBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, want string }{
		"code":                   {`{"otp_number":"123456","email":"a@b.co"}`, `{"otp_number":"[redacted]","email":"a@b.co"}`},
		"code as a number":       {`{"otp_number": 123456 , "n":1}`, `{"otp_number": "[redacted]" , "n":1}`},
		"other spelling":         {`{"OTP-Number":"1","otpNumber":"2","Otp number":"3"}`, `{"OTP-Number":"[redacted]","otpNumber":"[redacted]","Otp number":"[redacted]"}`},
		"password of any kind":   {`{"password1":"a","old_password":"b","passwordHash":"c"}`, `{"password1":"[redacted]","old_password":"[redacted]","passwordHash":"[redacted]"}`},
		"nested":                 {`{"a":[{"b":{"token":["x",{"y":"z"}]}}],"c":"d"}`, `{"a":[{"b":{"token":"[redacted]"}}],"c":"d"}`},
		"sealed data":            {`{"data":{"name":"Sari","phone":"08"},"purpose":"registration"}`, `{"data":"[redacted]","purpose":"registration"}`},
		"escaped name":           {`{"p\u0061ssword":"hunter2"}`, `{"p\u0061ssword":"[redacted]"}`},
		"repeated name":          {`{"otp_number":"1","otp_number":"2"}`, `{"otp_number":"[redacted]","otp_number":"[redacted]"}`},
		"key in another field":   {`{"username":"` + serviceKey + `"}`, `{"username":"[redacted]"}`},
		"key with an escape":     {`{"username":"sk\u005fabcdef234567_AAAAAAAAAAAAAAAAAAAAAAAAAA"}`, `{"username":"[redacted]"}`},
		"token in another field": {`{"note":"Bearer ` + token + `"}`, `{"note":"[redacted]"}`},
		"key as a name":          {`{"` + serviceKey + `":1}`, `{"[redacted]":1}`},
		"task_id is no key":      {`{"task":"task_id and risk_value"}`, `{"task":"task_id and risk_value"}`},
		"nameless values":        {`["123456", 123456, {"ok":1}, true]`, `["[redacted]", "[redacted]", {"ok":1}, true]`},
		"nameless scalar":        {` "123456" `, ` "[redacted]" `},
		"list under a name":      {`{"ids":[1,"2"]}`, `{"ids":[1,"2"]}`},
		"a very long name":       {`{"` + strings.Repeat("x", 65) + `":"y"}`, `{"` + strings.Repeat("x", 65) + `":"[redacted]"}`},
		"white space kept":       {"{\n  \"a\" : null\n}\n", "{\n  \"a\" : null\n}\n"},
		"empty":                  {" \n", ""},
		"NUL inside JSON":        {"{\"a\":\"x\\u0000y\"}", `{"a":"x\u0000y"}`},
		"invalid UTF-8":          {"{\"a\":\"x\xffy\"}", "{\"a\":\"x\uFFFDy\"}"},
		"broken JSON":            {`{"otp_number":"123456"`, "[not stored: not JSON, 22 bytes]"},
		"trailing text":          {`{"a":1} code 12`, "[not stored: not JSON, 15 bytes]"},
		"two documents":          {`{"a":1}{"b":2}`, `{"a":1}{"b":2}`},
		"form with a secret":     {"otp_number=1234", "[not stored: not JSON, 15 bytes]"},
		"form with an escape":    {"%6Ftp_number=1234", "[not stored: not JSON, 17 bytes]"},
		"plain text":             {"hello there", "hello there"},
		"digits like a code":     {"my 123-456", "[not stored: not JSON, 10 bytes]"},
		"binary":                 {"\x1f\x8b\x00\x01", "[not stored: not JSON, 4 bytes]"},
		"raw NUL":                {"{\"a\":\"\x00\"}", "[not stored: not JSON, 9 bytes]"},
		"a bare key":             {serviceKey, "[not stored: not JSON, 59 bytes]"},
		"too deep":               {strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[", 40) + strings.Repeat("]", 40)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, apilog.RedactBody([]byte(c.raw)).String())
		})
	}
}

func TestRedactBodyCutsLongOnes(t *testing.T) {
	t.Parallel()
	long := `{"text":"` + strings.Repeat("é", 20<<10) + `","otp_number":"123456"}`
	got := apilog.RedactBody([]byte(long)).String()
	assert.LessOrEqual(t, len(got), 17<<10)
	assert.True(t, utf8.ValidString(got))
	assert.Contains(t, got, "[cut, 40993 bytes in all]")
	assert.NotContains(t, got, "123456")

	early := `{"otp_number":"123456","text":"` + strings.Repeat("x", 30<<10) + `"}`
	assert.NotContains(t, apilog.RedactBody([]byte(early)).String(), "123456")

	secret := `{"password":"` + strings.Repeat("hunter2", 10<<10) + `","a":1}`
	assert.Equal(t, `{"password":"[redacted]","a":1}`, apilog.RedactBody([]byte(secret)).String())
}

// What goes in may be anything; what comes out must be storable.
func FuzzRedactBody(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"otp":"x"}]}`, "\xff\x00", `{"a":"\`, `[[[`, `"`, `{"":0}`, `{"password":`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := apilog.RedactBody(raw).String()
		if !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
			t.Fatalf("not storable: %q", got)
		}
		if json.Valid(raw) && len(raw) < 1<<10 && !json.Valid([]byte(got)) && got != "" && !strings.HasPrefix(got, "[not stored") {
			t.Fatalf("%q became %q, which is not JSON", raw, got)
		}
	})
}

func TestRedactRequest(t *testing.T) {
	t.Parallel()
	header := map[string][]string{
		"Authorization":     {"Bearer " + serviceKey},
		"Cookie":            {"sessionid=abc"},
		"X-Csrftoken":       {"abc"},
		"X-Api-Key":         {"abc"},
		"Cf-Access-Jwt-Foo": {"abc"},
		"X-Note":            {"see " + token},
		"Referer":           {"https://shop.example/a?token=abc&page=2#code=123456"},
		"Accept":            {"application/json", "*/*"},
		"User-Agent":        {"Mozilla \"5\" \xff\x01é"},
		"X-Long":            {strings.Repeat("a", 2<<10)},
	}
	got := apilog.RedactRequest("POST", "/v1/otp?email=a@b.co&access_token=abc&x="+serviceKey+"&%6Ftp=1", header).String()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(got), &fields))
	assert.Equal(t, "POST", fields[":method"])
	assert.Equal(t, "/v1/otp?email=a@b.co&access_token=[redacted]&x=[redacted]&%6Ftp=[redacted]", fields[":path"])
	assert.Equal(t, "Bearer sk_abcdef234567_[redacted]", fields["authorization"])
	for _, name := range []string{"cookie", "x-csrftoken", "x-api-key", "cf-access-jwt-foo", "x-note"} {
		assert.Equal(t, "[redacted]", fields[name], name)
	}
	assert.Equal(t, "https://shop.example/a?token=[redacted]&page=2", fields["referer"])
	assert.Equal(t, []any{"application/json", "*/*"}, fields["accept"])
	assert.Equal(t, "Mozilla \"5\" \uFFFD\x01é", fields["user-agent"])
	assert.Contains(t, fields["x-long"], "[cut, 2048 bytes in all]")
}

func TestRedactHeaderIsBounded(t *testing.T) {
	t.Parallel()
	header := map[string][]string{}
	for i := range 500 {
		header["X-"+strings.Repeat("n", i%60+1)+string(rune('a'+i%26))] = []string{strings.Repeat("v", 500), strings.Repeat("w", 500)}
	}
	got := apilog.RedactHeader(header).String()
	assert.LessOrEqual(t, len(got), 12<<10)
	assert.True(t, json.Valid([]byte(got)))
	assert.Contains(t, got, ":cut")
	assert.JSONEq(t, "{}", apilog.RedactHeader(nil).String())
	assert.Equal(t, "{}", apilog.Header{}.String())
}

func TestRedactAuthorizationShowsNothingElse(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"Basic dXNlcjpwYXNz", "Bearer " + token, "Bearer sk_short", "Bearer " + serviceKey + "x", "bearer " + serviceKey,
		"Bearer sk_abc_ef234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	} {
		got := apilog.RedactHeader(map[string][]string{"authorization": {value}}).String()
		assert.JSONEq(t, `{"authorization":"[redacted]"}`, got, value)
	}
}

func BenchmarkRedact(b *testing.B) {
	body := []byte(`{"order_ref":"2026-000123","transaction_amount":"150000.00","customer_id":"42","client_nonce":"b2f0c1d2","note":{"a":[1,2,3],"token":"x"}}`)
	header := map[string][]string{
		"Authorization": {"Bearer " + serviceKey}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
		"User-Agent": {"python-httpx/0.28.1"}, "Accept-Encoding": {"gzip, deflate"}, "Content-Length": {"140"}, "Sespan-Client-Ip": {"192.0.2.7"},
	}
	b.Run("body", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			apilog.RedactBody(body)
		}
	})
	b.Run("header", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			apilog.RedactRequest("POST", "/v1/transactions", header)
		}
	})
}
