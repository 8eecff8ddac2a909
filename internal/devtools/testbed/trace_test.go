package testbed

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
)

const (
	browserTrace = "0af7651916cd43dd8448eb211c80319c"
	browserSpan  = "b7ad6b7169203331"
)

// One trace leads from the browser through the request and its statements, by the row of
// the mail into another process and its dialogue with the relay. Nothing in it is of a
// person or secret.
func TestATraceGoesFromTheBrowserToTheRelay(t *testing.T) {
	t.Parallel()
	env, collector := newEnv(t), newCollector(t)
	received := make(chan string, 10)
	relay := smtptest.NewServer(t, smtptest.Options{OnReceived: func(r smtptest.Received) { received <- r.Data }})
	tracing := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_SERVICE_NAME=shop-sespan", "OTEL_BSP_SCHEDULE_DELAY=50", "SESPAN_LOG_FORMAT=json"}
	api := serve(t, env, "api,maintenance", tracing...)
	serve(t, env, "mail", append(tracing, "SESPAN_SMTP_URL=smtp://"+relay.Address+"?tls=none")...)
	bearer, err := env.Bearer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{
		"Authorization": {bearer}, "Sespan-Client-Ip": {"203.0.113.77"}, "User-Agent": {"canary-browser"}, "Baggage": {"person=canary-baggage"},
		"Traceparent": {"00-" + browserTrace + "-" + browserSpan + "-01"}, "Tracestate": {"vendor=1"},
	}
	var challenge struct {
		ChallengeID string `json:"challenge_id"`
	}
	res, err := post(t.Context(), http.DefaultClient, "http://"+api.Addr+"/v1/otp", header, map[string]any{"email": "user7@example.com", "purpose": "login"}, &challenge)
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatal(res, err)
	}
	request := collector.find(t, browserTrace, "POST /v1/otp")
	if a := attributes(request); hex.EncodeToString(request.ParentSpanId) != browserSpan || a["sespan.response_id"] != res.Header.Get("X-Response-Id") || a["http.route"] != "/v1/otp" {
		t.Errorf("the request's span: %v", request)
	}
	statements := collector.find(t, browserTrace, "postgres OTPState")
	if !bytes.Equal(statements.ParentSpanId, request.SpanId) || !strings.Contains(attributes(statements)["db.query.summary"], "OTPMailsLock") {
		t.Errorf("the statements' span: %v", statements)
	}
	if flush := collector.find(t, browserTrace, "api log"); !bytes.Equal(flush.ParentSpanId, request.SpanId) {
		t.Errorf("the log's span: %v", flush)
	}
	dialogue := collector.find(t, browserTrace, "smtp send")
	if a := attributes(dialogue); !bytes.Equal(dialogue.ParentSpanId, request.SpanId) || a["sespan.mail.outcome"] != "sent" || a["server.address"] != "127.0.0.1" || !strings.Contains(a["sespan.smtp.reply_code"], "250") {
		t.Errorf("the dialogue's span: %v", dialogue)
	}
	if collector.service != "shop-sespan" {
		t.Errorf("service.name is %q", collector.service)
	}

	code := regexp.MustCompile(`\b\d{6}\b`).FindString(<-received)
	header.Del("Traceparent")
	if res, err = post(t.Context(), http.DefaultClient, "http://"+api.Addr+"/v1/otp/"+challenge.ChallengeID+"/verify?canary-query", header, map[string]any{"otp_number": code}, nil); err != nil || code == "" {
		t.Fatal(res, err, code)
	}
	res, err = post(t.Context(), http.DefaultClient, "http://"+api.Addr+"/v1/transactions", header,
		map[string]any{"customer_id": 7, "order_ref": "canary-order", "transaction_amount": "1234567.00"}, nil)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatal(res, err)
	}
	draw := collector.find(t, "", "draw")
	drawn := collector.find(t, hex.EncodeToString(draw.TraceId), "POST /v1/transactions")
	if !bytes.Equal(draw.ParentSpanId, drawn.SpanId) || len(drawn.ParentSpanId) != 0 {
		t.Errorf("the draw's span %v is not in that of its request %v", draw, drawn)
	}
	key := strings.TrimPrefix(bearer, "Bearer ")
	for _, canary := range []string{"user7", "example.com", "canary", "203.0.113.77", key, key[len(key)-20:], code, "1234567", challenge.ChallengeID, "shop.example"} {
		if strings.Contains(collector.text(), canary) {
			t.Errorf("%q was sent to the collector", canary)
		}
	}
}

// Whatever the collector does, or is not there at all: a request takes no longer, and
// the end of the process a second at most.
func TestACollectorThatFailsDelaysNobody(t *testing.T) {
	t.Parallel()
	env := newEnv(t)
	bearer, err := env.Bearer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, endpoint := range map[string]string{"away": "http://" + FreeAddress(), "silent": "http://" + silent.Addr().String()} {
		s := serve(t, env, "api", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+endpoint, "OTEL_BSP_SCHEDULE_DELAY=10", "OTEL_BSP_MAX_QUEUE_SIZE=8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4")
		header := http.Header{"Authorization": {bearer}}
		slowest := time.Duration(0)
		for range 100 { // far more spans than the queue holds
			begin := time.Now()
			res, err := post(t.Context(), http.DefaultClient, "http://"+s.Addr+"/v1/logins", header, map[string]any{"username": "u", "outcome": "success", "ip": "203.0.113.9", "user_agent": "x"}, nil)
			if err != nil || res.StatusCode != http.StatusCreated {
				t.Fatal(name, res, err)
			}
			slowest = max(slowest, time.Since(begin))
		}
		begin := time.Now()
		s.Stop()
		stopping := time.Since(begin)
		t.Logf("%s: slowest request %s, stopped within %s", name, slowest, stopping)
		if slowest > 5*time.Second || stopping > 5*time.Second { // a retry alone waits five seconds, an export ten
			t.Errorf("%s: slowest request %s, stopped within %s\n%s", name, slowest, stopping, s.Log)
		}
		if !strings.Contains(s.Log.String(), "tracing: ") && !strings.Contains(s.Log.String(), "the last traces were not sent") {
			t.Errorf("%s: nothing is said of the spans that are lost:\n%s", name, s.Log)
		}
	}
}
