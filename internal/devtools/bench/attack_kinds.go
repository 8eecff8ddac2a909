package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// attackKind is one kind of hostile call.
type attackKind struct {
	name    string
	call    bool // of the API: it has its share in a row of the log
	request func(b *attackBench, n int64) string
}

const (
	otpPath    = "/v1/otp"
	loginPath  = "/v1/logins"
	drawPath   = "/v1/transactions"
	eventsPath = "/v1/mail/events"
)

// request is a request of call number n. Strangers come from many addresses, so that
// the throttle stops few of them.
func hostile(method, target, body string, n int64, lines ...string) string {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: attack\r\nX-Forwarded-For: 10.%d.%d.%d\r\n", method, target, n>>16&255, n>>8&255, n&255)
	for _, line := range lines {
		head += line + "\r\n"
	}
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return head + "\r\n" + body
}

// sent makes a kind whose calls are all alike, but for their address.
func sent(name, method, target, body string, lines ...string) attackKind {
	return attackKind{name, true, func(_ *attackBench, n int64) string { return hostile(method, target, body, n, lines...) }}
}

// noCall says that what is sent is no call of the API.
func noCall(k attackKind) attackKind {
	k.call = false
	return k
}

// attackKinds are the twenty kinds: of strangers first, then of those whom the service
// or the site lets in.
func attackKinds() []attackKind {
	signature := func() string {
		return fmt.Sprintf("Sespan-Signature: t=%d,k=relay-1,v1=%s", time.Now().Unix(), strings.Repeat("ab", 32))
	}
	event := func(name, target, body string) attackKind {
		return attackKind{name, true, func(_ *attackBench, n int64) string { return hostile(http.MethodPost, target, body, n, signature()) }}
	}
	return []attackKind{
		sent("no key", http.MethodPost, otpPath, `{"email":"a@b.co","purpose":"login"}`),
		sent("an invented key", http.MethodPost, loginPath, `{"username":"a","outcome":"success"}`, "Authorization: Bearer sk_abcdefabcdef_"+strings.Repeat("A", 43)),
		sent("an invented token", http.MethodPost, drawPath, `{"order_ref":"A","transaction_amount":"1"}`, "Authorization: Bearer eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.e30."+strings.Repeat("A", 86)),
		sent("Basic", http.MethodGet, "/v1/tiers", "", "Authorization: Basic YTpi"),
		sent("long headers", http.MethodGet, drawPath, "", "User-Agent: "+strings.Repeat("u", 7000), "X-A: "+strings.Repeat("a", 7000)),
		sent("a long query", http.MethodGet, "/v1/api-log?customer_id="+strings.Repeat("1", 7000), ""),
		sent("an event without a signature", http.MethodPost, eventsPath, `{"events":[]}`),
		sent("an event with a long signature", http.MethodPost, eventsPath, `{"events":[]}`, "Sespan-Signature: "+strings.Repeat("a", 501)),
		event("an event with an invented signature and a long body", eventsPath, `{"events":"`+strings.Repeat("x", 20_000)+`"}`),
		event("an event with a query", eventsPath+"?x=1", `{"events":[]}`),
		event("an event without a body", eventsPath, ""),
		sent("an event of Amazon", http.MethodPost, eventsPath, `{"Type":"Notification"}`, "X-Amz-Sns-Message-Type: Notification"),
		noCall(sent("an unknown path", http.MethodGet, "/wp-login.php", "")),
		noCall(sent("another method", http.MethodDelete, otpPath, "")),
		noCall(sent("HEAD", http.MethodHead, otpPath, "")),
		noCall(sent("a preflight", http.MethodOptions, drawPath, "", "Origin: https://evil.example", "Access-Control-Request-Method: POST")),
		{"one token again and again", true, func(b *attackBench, n int64) string {
			return hostile(http.MethodPost, drawPath, `{"order_ref":"A-1","transaction_amount":"150000.00"}`, n, "Authorization: Bearer "+b.token())
		}},
		{"the login form", true, func(b *attackBench, n int64) string {
			body := fmt.Sprintf(`{"username":"guess-%d","outcome":"failure","ip":"203.0.113.%d","user_agent":"%s"}`, n, n%4, strings.Repeat("u", 500))
			return hostile(http.MethodPost, loginPath, body, n, "Authorization: "+b.bearer)
		}},
		{"a stolen key", true, func(b *attackBench, n int64) string { // each of its calls has a row, until there is no room
			body := fmt.Sprintf(`{"username":"%s-%d","outcome":"success","user_agent":"%s"}`, strings.Repeat("n", 200), n, strings.Repeat("u", 500))
			return hostile(http.MethodPost, loginPath, body, n, "Authorization: "+b.bearer)
		}},
		{"the form of a code", true, func(b *attackBench, n int64) string {
			return hostile(http.MethodPost, otpPath, `{"purpose":"nonsense"}`, n, "Authorization: "+b.bearer, fmt.Sprintf("Sespan-Client-Ip: 203.0.113.%d", n%4))
		}},
	}
}

// token is that of a checkout, as the site signs it for a customer.
func (b *attackBench) token() string {
	now := time.Now().Truncate(time.Minute).Unix()
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(`{"alg":"EdDSA","kid":"site"}`)) + "." +
		b64(fmt.Appendf(nil, `{"aud":"sespan","iat":%d,"exp":%d,"sub":"1","order_ref":"A-1","amount":"150000.00"}`, now, now+600))
	return input + "." + b64(ed25519.Sign(b.signing, []byte(input)))
}

// attacker takes one number after the other and makes its call, until all are made.
func (b *attackBench) attacker(ctx context.Context, next, made *atomic.Int64) error {
	kinds := attackKinds()
	var conn net.Conn
	var in *bufio.Reader
	for n := next.Add(1); n <= int64(b.calls) && ctx.Err() == nil; n = next.Add(1) {
		if conn == nil {
			var err error
			if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", b.service.Addr); err != nil {
				return err
			}
			in = bufio.NewReader(conn)
		}
		kind := kinds[n%int64(len(kinds))]
		stays, err := exchange(conn, in, kind.request(b, n))
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		if kind.call {
			made.Add(1)
		}
		if !stays {
			conn.Close() //nolint:errcheck // it is over
			conn = nil
		}
	}
	if conn != nil {
		return conn.Close()
	}
	return nil
}

// exchange sends a request and reads its answer; stays tells whether the connection does.
func exchange(conn net.Conn, in *bufio.Reader, request string) (stays bool, err error) {
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return false, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return false, err
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return false, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if res.Header.Get("X-Response-Id") == "" && method != http.MethodOptions {
		err = errors.Join(err, fmt.Errorf("answered %d by nobody of ours", res.StatusCode))
	}
	return !res.Close, errors.Join(err, res.Body.Close())
}
