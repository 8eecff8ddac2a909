package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

func TestLoginWritesItsRow(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	bearer := "Bearer " + s.key(access.RoleService)
	a := s.call("POST", "/v1/logins", `{"customer_id":"42","username":"sari","outcome":"failure","ip":"::ffff:192.0.2.7","user_agent":"Firefox"}`,
		"Authorization", bearer)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	var body struct {
		ResponseID string `json:"response_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	assert.Equal(t, a.header.Get("X-Response-Id"), body.ResponseID)

	r := s.row(a) // at once: the answer waited for it
	assert.Equal(t, "Login", *r.Type)
	assert.Equal(t, "failure", *r.Outcome, "a login's own outcome, whatever the status")
	assert.Equal(t, loginFailed, *r.Details)
	assert.Equal(t, "192.0.2.7", *r.IP)
	assert.Equal(t, int64(42), *r.CustomerID)
	assert.Equal(t, http.StatusCreated, r.Status)
	assert.Equal(t, a.body, r.ResponseBody, "the row holds what was sent")
	assert.Contains(t, r.RequestBody, `"username":"sari"`)
	assert.Contains(t, r.RequestHeader, `_[redacted]"`)
	assert.NotContains(t, r.RequestHeader, bearer)
	assert.Contains(t, r.RequestHeader, `":path": "/v1/logins"`)
	assert.Contains(t, r.ResponseHeader, body.ResponseID)
	assert.False(t, r.Responded.Before(r.Requested))

	a = s.call("POST", "/v1/logins", `{"customer_id":42,"username":"","outcome":"success"}`, "Authorization", bearer)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	r = s.row(a)
	assert.Equal(t, "success", *r.Outcome)
	assert.Equal(t, "127.0.0.1", *r.IP, "without one of its own, the caller's")
	assert.Equal(t, map[string]float64{"success": 1, "failure": 1}, s.counters("sespan_logins_total", "outcome"))
}

func TestLoginRefusesBadInput(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	bearer := "Bearer " + s.key(access.RoleService)
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"no outcome":          {`{"username":"a"}`, 422, "body"},
		"unknown outcome":     {`{"username":"a","outcome":"maybe"}`, 422, "body.outcome"},
		"a long name":         {`{"username":"` + strings.Repeat("x", 255) + `","outcome":"failure"}`, 422, "body.username"},
		"no address":          {`{"username":"a","outcome":"failure","ip":"300.1.1.1"}`, 422, "body.ip"},
		"customer 0":          {`{"username":"a","outcome":"failure","customer_id":0}`, 422, "body.customer_id"},
		"customer of letters": {`{"username":"a","outcome":"failure","customer_id":"x"}`, 422, "body.customer_id"},
		"customer too large":  {`{"username":"a","outcome":"failure","customer_id":"9999999999999999999"}`, 422, "body"},
		"customer a float":    {`{"username":"a","outcome":"failure","customer_id":4.5}`, 422, "body.customer_id"},
		"another field":       {`{"username":"a","outcome":"failure","password":"hunter2"}`, 422, "body"},
		"no JSON":             {`{"username":`, 400, "body"},
		"no object":           {`[]`, 422, "body"},
		"too deep":            {strings.Repeat(`[`, 30000) + strings.Repeat(`]`, 30000), 400, "body"},
		"invalid UTF-8":       {"{\"username\":\"a\xff\",\"outcome\":\"failure\"}", 400, "body"},
		"a NUL":               {`{"username":"a\u0000b","outcome":"failure"}`, 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.call("POST", "/v1/logins", c.body, "Authorization", bearer)
			require.Equal(t, c.status, a.status, a.body)
			r := s.row(a)
			assert.NotContains(t, r.RequestBody+r.ResponseBody+a.body, "hunter2")
			if c.status < 300 {
				return
			}
			var d document
			require.NoError(t, json.Unmarshal([]byte(a.body), &d))
			assert.Equal(t, "failure", *r.Outcome)
			if c.status == 422 {
				require.NotEmpty(t, d.Errors, a.body)
				assert.Equal(t, c.field, d.Errors[0].Location, a.body)
				if c.field == "body.customer_id" {
					assert.Equal(t, customerIDForms, d.Errors[0].Message)
				}
			}
		})
	}
}

// counters gives a counter's values by one label.
func (s *site) counters(name, label string) map[string]float64 {
	s.t.Helper()
	families, err := s.reg.Gather()
	require.NoError(s.t, err)
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label {
					values[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return values
}
