package app

import (
	"fmt"
	"slices"
	"strings"
)

const megabyte = 1 << 20

// bodies are what stands after the header.
func (v *victim) bodies() []attack {
	id, verify := fmt.Sprint(v.customer), "/v1/otp/"+v.challenge+"/verify"
	return slices.Concat(
		v.everywhere(),
		v.posts("/v1/otp", v.service, 0, map[string]string{
			"names twice":         `{"customer_id":` + id + `,"purpose":"login","purpose":"registration"}`,
			"names in two cases":  `{"email":"sari@example.com","EMAIL":"thief@example.com","purpose":"login"}`,
			"escaped name twice":  `{"email":"sari@example.com","\u0065mail":"thief@example.com","purpose":"login"}`,
			"NUL":                 `{"email":"sari\u0000@example.com","purpose":"login"}`,
			"invalid UTF-8":       "{\"email\":\"sari\xff@example.com\",\"purpose\":\"login\"}",
			"overlong UTF-8":      "{\"email\":\"sari\xc0\xaf@example.com\",\"purpose\":\"login\"}",
			"lone surrogate":      `{"email":"sari\ud800@example.com","purpose":"login"}`,
			"line breaks":         `{"email":"sari@example.com\r\nBcc: thief@example.com","purpose":"login"}`,
			"several addresses":   `{"email":"sari@example.com,thief@example.com","purpose":"login"}`,
			"address with a name": `{"email":"Sari <sari@example.com>","purpose":"login"}`,
			"array of addresses":  `{"email":["sari@example.com","thief@example.com"],"purpose":"login"}`,
			"SQL":                 `{"email":"' OR 1=1; DROP TABLE sespan.otp; --","purpose":"login"}`,
			"exponent":            `{"customer_id":1e400,"purpose":"login"}`,
			"small exponent":      `{"customer_id":` + id + `e0,"purpose":"login"}`,
			"fraction":            `{"customer_id":1.0000000000000000000000001,"purpose":"login"}`,
			"minus zero":          `{"customer_id":-0,"purpose":"login"}`,
			"too large":           `{"customer_id":9223372036854775808,"purpose":"login"}`,
			"many digits":         `{"customer_id":` + strings.Repeat("9", 20000) + `,"purpose":"login"}`,
			"hexadecimal":         `{"customer_id":"0x1","purpose":"login"}`,
			"NaN":                 `{"customer_id":NaN,"purpose":"login"}`,
			"true":                `{"customer_id":true,"purpose":"login"}`,
			"object":              `{"customer_id":{"$gt":0},"purpose":"login"}`,
			"unknown purpose":     `{"customer_id":` + id + `,"purpose":"constructor"}`,
			"a claim":             `{"customer_id":` + id + `,"purpose":"registration","new_customer":true}`,
			"data for a login":    `{"email":"sari@example.com","purpose":"login","data":{"password":"hunter2-canary"}}`,
			"too much data":       `{"email":"a@example.com","purpose":"registration","data":{"password":"hunter2-canary","a":"` + strings.Repeat("a", 20000) + `"}}`,
			"data repeats a name": `{"email":"a@example.com","purpose":"registration","data":{"role":"user","role":"admin"}}`,
		}),
		v.posts(verify, v.service, 0, map[string]string{
			"unknown property":       `{"otp_number":"` + v.code + `1","password":"hunter2-canary"}`,
			"number":                 `{"otp_number":` + v.code + `1}`,
			"short":                  `{"otp_number":"` + v.code + `"}`,
			"array":                  `{"otp_number":["` + v.code + `0","` + v.code + `1"]}`,
			"long":                   `{"otp_number":"` + strings.Repeat(v.code, 2000) + `"}`,
			"cut off":                `{"otp_number":"` + v.code + `1`,
			"twice":                  `{"otp_number":"` + v.code + `1","otp_number":"` + v.code + `2"}`,
			"other case":             `{"otp_number":"` + v.code + `1","OTP_Number":"` + v.code + `2"}`,
			"wildcard":               `{"otp_number":"%%%%%%"}`,
			"control characters":     `{"otp_number":"` + v.code + `\u00001"}`,
			"top-level string":       `"` + v.code + `1"`,
			"top-level array":        `["` + v.code + `1"]`,
			"text after the object":  `{"otp_number":"` + v.code + `"}}`,
			"two objects":            `{"otp_number":"` + v.code + `"}{"otp_number":"` + v.code + `"}`,
			"comment":                `{"otp_number":"` + v.code + `" /* password=hunter2-canary */}`,
			"byte order mark":        "\ufeff" + `{"otp_number":"` + v.code + `1"}`,
			"UTF-16":                 "\xff\xfe{\x00\"\x00o\x00t\x00p\x00_\x00n\x00u\x00m\x00b\x00e\x00r\x00",
			"form in place of JSON":  `otp_number=` + v.code + `1&password=hunter2-canary`,
			"quoted form":            `"password=hunter2-canary"`,
			"secret as a name":       `{"otp_number":"","` + v.service + `":1}`,
			"a key as the code":      `{"otp_number":"` + v.service + `"}`,
			"a token as the address": `{"otp_number":"` + v.code + `1","email":{"x":"` + v.token + `"}}`,
		}),
		v.posts("/v1/transactions", v.service, 0, map[string]string{
			"negative":         `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"-1.00"}`,
			"exponent":         `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"1e9"}`,
			"number":           `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":1e309}`,
			"infinity":         `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"Infinity"}`,
			"decimals":         `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"1.001"}`,
			"huge":             `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"` + strings.Repeat("9", 400) + `"}`,
			"full-width":       `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"１００"}`,
			"two amounts":      `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"9.00","Transaction_Amount":"1.00"}`,
			"order_ref twice":  `{"customer_id":` + id + `,"order_ref":"B","ORDER_REF":"../../x","transaction_amount":"9.00"}`,
			"script as order":  `{"customer_id":` + id + `,"order_ref":"<script>","transaction_amount":"9.00"}`,
			"line break order": `{"customer_id":` + id + `,"order_ref":"A\n","transaction_amount":"9.00"}`,
			"no customer":      `{"order_ref":"B","transaction_amount":"9.00"}`,
			"unknown customer": `{"customer_id":999999,"order_ref":"B","transaction_amount":"9.00"}`,
			"other amount":     `{"customer_id":` + id + `,"order_ref":"A-0","transaction_amount":"2.00"}`,
			"nonce":            `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"9.00","client_nonce":"` + strings.Repeat("n", 65) + `"}`,
			"discount":         `{"customer_id":` + id + `,"order_ref":"B","transaction_amount":"9.00","discounted_amount":"0.01"}`,
		}),
		v.posts("/v1/transactions", v.token, 0, map[string]string{
			"another order":    `{"order_ref":"A-2","transaction_amount":"150000.00"}`,
			"another amount":   `{"order_ref":"A-1","transaction_amount":"150000.01"}`,
			"another customer": `{"order_ref":"A-1","transaction_amount":"150000.00","customer_id":2}`,
		}),
		v.posts("/v1/tiers", v.admin, 0, map[string]string{
			"NUL":            `{"name":"a\u0000b","probability":"0.5","discount":"0.1","is_active":false}`,
			"more than one":  `{"name":"a","probability":"1.0000000000000000001","discount":"0.1","is_active":false}`,
			"tiny":           `{"name":"a","probability":"0.` + strings.Repeat("0", 5000) + `1","discount":"0.1","is_active":false}`,
			"exponent":       `{"name":"a","probability":"1e-5","discount":"0.1","is_active":false}`,
			"float":          `{"name":"a","probability":0.5,"discount":"0.1","is_active":false}`,
			"uses exponent":  `{"name":"a","probability":"0.5","discount":"0.1","is_active":false,"budget_uses":1e19}`,
			"uses too large": `{"name":"a","probability":"0.5","discount":"0.1","is_active":false,"per_customer_uses":2147483648}`,
			"year 10000":     `{"name":"a","probability":"0.5","discount":"0.1","is_active":false,"starts_at":"10000-01-01T00:00:00Z"}`,
			"no time":        `{"name":"a","probability":"0.5","discount":"0.1","is_active":false,"starts_at":"infinity"}`,
			"overlap":        `{"name":"a","probability":"0.5","discount":"0.1"}`,
			"its own id":     `{"name":"a","probability":"0.5","discount":"0.1","is_active":false,"tier_id":1}`,
		}),
	)
}

// everywhere are bodies that no path takes.
func (v *victim) everywhere() []attack {
	var list []attack
	for _, to := range []struct{ method, path, credential string }{
		{"POST", "/v1/otp", v.service},
		{"POST", "/v1/otp/" + v.challenge + "/verify", v.service},
		{"POST", "/v1/logins", v.service},
		{"POST", "/v1/transactions", v.service},
		{"POST", "/v1/transactions", v.token},
		{"POST", "/v1/tiers", v.admin},
		{"PUT", "/v1/tiers", v.admin},
		{"PUT", "/v1/tiers/1", v.admin},
	} {
		where := to.method + " " + to.path
		if to.credential == v.token {
			where += " with a token"
		}
		add := func(name string, status int, body string, more ...string) {
			list = append(list, attack{name: where + "/" + name, status: status, raw: request(to.method, to.path, to.credential, body, more...)})
		}
		add("10 MB", 413, `{"email":"`+strings.Repeat("a", 10*megabyte)+`"}`)
		add("10 MB of blanks", 413, strings.Repeat(" ", 10*megabyte))
		add("10 MB in chunks", 413, "", "Content-Type: application/json", "Transfer-Encoding: chunked")
		list[len(list)-1].raw += strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 160) + "0\r\n\r\n"
		add("deep arrays", 400, strings.Repeat("[", 32000)+strings.Repeat("]", 32000))
		add("deep objects", 400, strings.Repeat(`{"a":`, 10000)+"1"+strings.Repeat("}", 10000))
		add("deep and cut off", 400, strings.Repeat(`{"data":[`, 5000))
		add("many names", 400, "{"+strings.Repeat(`"a":1,`, 8000)+`"a":1}`)
		add("no body", 400, "")
		add("null", 422, "null")
		add("array", 422, "[]")
		add("number", 0, "1e1000000")
		add("text", 400, "hello")
		add("invalid UTF-8", 400, "{\"a\":\"\xfe\xff\"}")
		add("raw NUL", 400, "{\"a\":\"\x00\"}")
		for _, kind := range []string{
			"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
			"application/cbor", "text/json", "application/json-seq", "*/*", "application/jsonp", ";", "json",
		} {
			add("as "+strings.ReplaceAll(kind, "/", " "), 0, `{"password":"hunter2-canary","otp_number":"`+v.code+`"}`, "Content-Type: "+kind)
		}
		add("gzip", 0, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", "Content-Encoding: gzip")
	}
	return list
}
