package httpapi

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/httpfetch"
	"sespan/internal/mailevent"
	"sespan/internal/postgres"
)

func eventSite(t *testing.T, changes ...func(*Deps)) (*site, mailevent.Keys) {
	t.Helper()
	keys, err := mailevent.ParseKeys("relay-1:" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef")))
	require.NoError(t, err)
	s := newSite(t, nil, nil)
	service := mailevent.New(mailevent.Options{
		Store: postgres.NewMailEvents(s.pool("events", 2)), Keys: keys, Topics: []string{"arn:aws:sns:eu-west-1:123456789012:ses"}, Fetch: httpfetch.New(),
		BounceLife: 24 * time.Hour, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	return newSite(t, func(d *Deps) {
		d.MailEvents = service
		for _, change := range changes {
			change(d)
		}
	}, nil), keys
}

func TestMailEventsOverHTTP(t *testing.T) {
	t.Parallel()
	s, keys := eventSite(t)
	body := `{"events":[{"event_id":"e1","kind":"bounce","recipient":"sari@example.co","message_id":"4711","occurred_at":"` +
		time.Now().UTC().Format(time.RFC3339) + `","detail":"550 5.1.1 no such user"}]}`
	signed := keys.Sign("relay-1", time.Now(), []byte(body))

	a := s.call(http.MethodPost, "/v1/mail/events", body, mailevent.SignatureHeader, signed)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.JSONEq(t, `{"results":[{"event_id":"e1","result":"unmatched"}]}`, a.body)
	row := s.row(a)
	assert.Equal(t, "Admin", *row.Type)
	assert.Contains(t, row.RequestBody, "no such user")
	assert.NotContains(t, row.RequestHeader, strings.Split(signed, "v1=")[1], "a signature is good for five minutes more")

	again := s.call(http.MethodPost, "/v1/mail/events", body, mailevent.SignatureHeader, signed)
	assert.JSONEq(t, `{"results":[{"event_id":"e1","result":"repeated"}]}`, again.body)

	for name, c := range map[string]struct {
		body    string
		header  []string
		status  int
		problem string
	}{
		"without a signature":      {body, nil, 401, "unauthorized"},
		"with a service key alone": {body, []string{"Authorization", "Bearer " + s.key(access.RoleAdmin)}, 401, "unauthorized"},
		"another body":             {body + " ", []string{mailevent.SignatureHeader, signed}, 401, "unauthorized"},
		"no body":                  {"", []string{mailevent.SignatureHeader, signed}, 400, "bad-request"},
		"too large":                {strings.Repeat("x", maxEventBytes+1), []string{mailevent.SignatureHeader, signed}, 413, "too-large"},
		"not of Amazon":            {body, []string{"X-Amz-Sns-Message-Type", "Notification", "Content-Type", "text/plain; charset=UTF-8"}, 401, "unauthorized"},
		"garbage of Amazon":        {"{", []string{"X-Amz-Sns-Message-Type", "Notification"}, 400, "bad-request"},
	} {
		a := s.call(http.MethodPost, "/v1/mail/events", c.body, c.header...)
		assert.Equal(t, c.status, a.status, "%s: %s", name, a.body)
		assert.Equal(t, c.problem, a.problem(t), name)
	}
}

// As many events as the form allows, with an id and a server's words of the usual
// length, fit into a request.
func TestMailEventsFiveHundredAtOnce(t *testing.T) {
	t.Parallel()
	s, keys := eventSite(t)
	events := make([]string, 500)
	for i := range events {
		events[i] = fmt.Sprintf(`{"event_id":"0d9f7c52-2a52-4c8e-9d3c-%012d","kind":"bounce","recipient":"customer-%d@mail.customers.example","message_id":"<%d.dtk0u8m5hc@shop.example>","occurred_at":"%s","detail":%q}`,
			i, i, i+1, time.Now().UTC().Format(time.RFC3339), strings.Repeat("550 5.1.1 the address does not exist; ", 10))
	}
	body := `{"events":[` + strings.Join(events, ",") + `]}`
	a := s.call(http.MethodPost, "/v1/mail/events", body, mailevent.SignatureHeader, keys.Sign("relay-1", time.Now(), []byte(body)))
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.Equal(t, 500, strings.Count(a.body, `"unmatched"`))
}
