package app

import (
	"fmt"
	"net/http"
	"strings"
)

func (v *victim) paths() []attack {
	var list []attack
	add := func(method, credential string, targets ...string) {
		for _, target := range targets {
			a := attack{name: method + " " + strings.ReplaceAll(fmt.Sprintf("%.60q", target), "/", "∕"), protocol: true}
			a.raw = request(method, target, credential, "")
			list = append(list, a)
		}
	}
	add("GET", v.admin,
		"//v1/tiers", "/v1//tiers", "/v1/./tiers", "/v1/../v1/tiers", "/v1/tiers/", "/v1/tiers/.", "/v1/tiers/..", "/V1/TIERS", "/v1/tiers;a=b",
		"/v1/%2e%2e/v1/tiers", "/%2fv1/tiers", "/v1%2ftiers", "/v1\\tiers", "/v1/tiers\\..", "/v1/tiers%00", "/v1/tiers/%00", "/v1/tiers/1%00",
		"/v1/tiers/1%0d%0aSet-Cookie:%20a=b", "/v1/tiers/%c0%af", "/v1/tiers/%ff", "/v1/tiers/%zz", "/v1/tiers/%", "/v1/tiers/１", "/v1/tiers/0",
		"/v1/tiers/-1", "/v1/tiers/1e0", "/v1/tiers/0x1", "/v1/tiers/1.0", "/v1/tiers/ 1", "/v1/tiers/99999999999999999999",
		"/v1/tiers/9223372036854775807", "/v1/tiers/1/1", "/v1/tiers?a", "/v1/tiers?limit=1e400", "/v1/tiers?%00=%00", "/v1/tiers?a=%zz",
		"/v1/tiers?"+strings.Repeat("a=b&", 2000), "/v1/tiers?"+strings.Repeat("a", 60000), "/"+strings.Repeat("a/", 3000), "/"+strings.Repeat("%2e%2e%2f", 1000),
		"/etc/passwd", "/../../../../etc/passwd", "/.git/config", "/metrics", "/debug/pprof/", "/docs", "/schemas/Problem.json", "", "*", "/", "?", "#", "tiers",
		"http://evil.example/v1/none", "http://evil.example:80/v1/tiers?x=1", "//evil.example/v1/tiers", "javascript:alert(1)", "/openapi.json/..;/",
	)
	add("GET", v.service,
		"/v1/otp/"+strings.ToUpper(v.challenge)+"x", "/v1/otp/{"+v.challenge+"}", "/v1/otp/urn:uuid:"+v.challenge, "/v1/otp/"+strings.ReplaceAll(v.challenge, "-", ""),
		"/v1/otp/00000000-0000-0000-0000-000000000000", "/v1/otp/"+v.challenge+"%00", "/v1/otp/"+v.challenge+"/verify", "/v1/otp/%27%20OR%201=1",
		"/v1/otp?otp_number="+v.code+"1&token="+v.token+"&password=hunter2-canary", "/v1/otp/"+v.challenge+"?code="+v.code, "/v1/otp/"+v.service,
	)
	add("POST", v.service, "/v1/otp/"+v.challenge+"/resend?x=1", "/v1/otp/../"+v.challenge+"/resend", "/v1/otp/"+v.challenge+"/resend/", "/v1/otp/"+v.challenge+"%2fresend")
	return list
}

func (v *victim) methods() []attack {
	var list []attack
	for _, method := range []string{
		"PATCH", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "post", "Put", "QUERY", "PURGE", "DELETE", "GETT", strings.Repeat("A", 3000), "G\x00T", "GE T", "ÄÖÜ",
	} {
		list = append(list, attack{name: fmt.Sprintf("%.20q", method), protocol: true, raw: request(method, "/v1/tiers", v.admin, "")})
	}
	body := `{"name":"a","probability":"0.5","discount":"0.1","is_active":false}`
	for _, override := range []string{"X-HTTP-Method-Override: POST", "X-Method-Override: DELETE", "X-HTTP-Method: PUT"} {
		list = append(list, attack{name: override, status: 405, raw: request("PATCH", "/v1/tiers", v.admin, body, override)})
	}
	list = append(list,
		attack{name: "preflight of another origin", raw: request("OPTIONS", "/v1/tiers", "", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST"), status: 405},
		attack{name: "OPTIONS *", raw: request("OPTIONS", "*", "", ""), protocol: true},
		attack{name: "CONNECT to elsewhere", raw: "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n", protocol: true},
		attack{name: "upgrade", raw: request("GET", "/v1/none", v.admin, "", "Connection: Upgrade", "Upgrade: websocket"), status: 404},
	)
	return list
}

// wires are requests that two readers might understand differently, or that are none.
func (v *victim) wires() []attack {
	auth := "Authorization: Bearer " + v.admin + "\r\n"
	head := "POST /v1/tiers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + auth + "Content-Type: application/json\r\n"
	tier := `{"name":"smuggled","probability":"0.5","discount":"0.1","is_active":false}`
	smuggled := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(tier), tier)
	list := []attack{
		{name: "HTTP 1.0 without a key", raw: "GET /v1/tiers HTTP/1.0\r\n\r\n", status: 401},
		{name: "HTTP 1.0 elsewhere", raw: "GET /v1/none HTTP/1.0\r\n" + auth + "\r\n", status: 404},
		{name: "HTTP 0.9", raw: "GET /\r\n\r\n"},
		{name: "HTTP 2 preface", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{name: "HTTP 9.9", raw: "GET /v1/tiers HTTP/9.9\r\nHost: a\r\n\r\n"},
		{name: "no host", raw: "GET /v1/tiers HTTP/1.1\r\n\r\n"},
		{name: "two hosts", raw: "GET /v1/tiers HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
		{name: "TLS", raw: "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x00", 100)},
		{name: "SMTP", raw: "EHLO evil.example\r\nMAIL FROM:<a@b.co>\r\n"},
		{name: "zeros", raw: strings.Repeat("\x00", 5000)},
		{name: "only line ends", raw: strings.Repeat("\r\n", 5000)},
		{name: "garbage after a request", raw: "GET /v1/none HTTP/1.1\r\nHost: a\r\n\r\n\x00\xff\xfe\r\n\r\n"},
		{name: "length and chunks", raw: head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPUT /v1/none HTTP/1.1\r\nHost: a\r\n\r\n"},
		{name: "two lengths", raw: head + "Content-Length: 2\r\nContent-Length: 90\r\n\r\n{}" + smuggled[:20]},
		{name: "a list of lengths", raw: head + "Content-Length: 2, 90\r\n\r\n{}"},
		{name: "negative length", raw: head + "Content-Length: -1\r\n\r\n" + tier},
		{name: "signed length", raw: head + fmt.Sprintf("Content-Length: +%d\r\n\r\n", len(tier)) + tier},
		{name: "huge length", raw: head + "Content-Length: 9223372036854775808\r\n\r\n" + tier},
		{name: "announced 1 GB", raw: head + "Content-Length: 1073741824\r\n\r\n" + tier},
		{name: "announced 1 GB, expecting 100", raw: head + "Content-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n"},
		{name: "odd expectation", raw: head + "Content-Length: 2\r\nExpect: the-unexpected\r\n\r\n{}"},
		{name: "unknown coding", raw: head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{name: "hidden coding", raw: head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"},
		{name: "two codings", raw: head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
		{name: "blank before the colon", raw: head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
		{name: "folded header", raw: head + "X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"},
		{name: "NUL in a header", raw: head + "X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\n{}"},
		{name: "header without a name", raw: head + ": a\r\nContent-Length: 2\r\n\r\n{}"},
		{name: "carriage return in a header", raw: head + "X-A: b\rContent-Length: 2\r\n\r\n"},
		{name: "bad chunk size", raw: head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + tier + "\r\n0\r\n\r\n"},
		{name: "negative chunk size", raw: head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + tier + "\r\n0\r\n\r\n"},
		{name: "huge chunk size", raw: head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + tier + "\r\n0\r\n\r\n"},
		{name: "chunk longer than it says", raw: head + "Transfer-Encoding: chunked\r\n\r\n3\r\n" + tier + "\r\n0\r\n\r\n"},
		{name: "chunk extensions", raw: head + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", 100000) + "\r\n{}\r\n0\r\n\r\n"},
		{name: "trailer flood", raw: head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + strings.Repeat("X-A: b\r\n", 10000) + "\r\n"},
		{name: "cut off in a chunk", raw: head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s", len(tier)+9, tier)},
		{name: "cut off in the body", raw: head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(tier)+9, tier)},
		{name: "chunks without end", raw: head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n", len(tier), tier), hold: true, status: http.StatusRequestTimeout},
		{name: "body that never comes", raw: head + "Content-Length: 100\r\n\r\n", hold: true, status: http.StatusRequestTimeout},
		{name: "header that never ends", raw: "GET /v1/tiers HTTP/1.1\r\nHost: a\r\nX-A: b\r\n", hold: true},
		{name: "one long header", raw: request("GET", "/v1/none", v.admin, "", "X-A: "+strings.Repeat("a", 100000))},
		{name: "many headers", raw: request("GET", "/v1/none", v.admin, "", strings.TrimSuffix(strings.Repeat("X-A: b\r\n", 20000), "\r\n"))},
		{name: "some headers", raw: request("GET", "/v1/tiers?x=1", v.admin, "", strings.TrimSuffix(strings.Repeat("X-A: "+v.token+"\r\n", 30), "\r\n"))},
		{name: "secrets in headers", raw: request("GET", "/v1/tiers?x=1", v.admin, "",
			"X-Api-Key: "+v.service, "Cookie: sessionid=hunter2-canary; k="+v.token, "X-Password: hunter2-canary", "Referer: https://shop.example/code/#code="+v.code,
			"X-Forwarded-For: "+strings.Repeat("1.1.1.1,", 100), "Sespan-Client-Ip: '; DROP TABLE x; --", "User-Agent: \xff\xfe\x80", "X-Forwarded-Host: "+v.token)},
	}
	for i := range list {
		list[i].protocol = true
	}
	return list
}
