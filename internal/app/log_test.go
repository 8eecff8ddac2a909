package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sespan/internal/access"
)

// background begins the lines that belong to no request.
var background = []string{"health: ", "maintenance failed", "the last use of service keys"}

// A request is walked through while the database refuses the service: each line that it
// leaves in the log holds its response id, once.
func TestEachLogLineOfARequestHoldsItsResponseID(t *testing.T) {
	t.Parallel()
	s := serve(t, "--log-format=json", "--run=api")
	key := s.key(access.RoleService)
	if res := s.send(t, key, "/v1/logins", `{"username": "sari", "outcome": "success", "ip": "203.0.113.7", "user_agent": "x"}`); res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status) // the key is known from now on
	}
	name := `"` + s.db.Pool.Config().ConnConfig.Database + `"`
	s.db.Exec(t, `ALTER DATABASE `+name+` CONNECTION LIMIT 0`) // superusers pass
	defer s.db.Exec(t, `ALTER DATABASE `+name+` CONNECTION LIMIT -1`)
	s.db.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sespan%' AND datname = current_database()`)
	before := len(s.log.String())
	res := s.send(t, key, "/v1/otp", `{"email": "sari@example.co", "purpose": "login"}`)
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Fatal(res.Status)
	}
	messages := messagesOf(t, s.log.String()[before:], res.Header.Get("X-Response-Id"))
	if !slices.Contains(messages, "request failed") || !slices.ContainsFunc(messages, func(m string) bool { return strings.HasPrefix(m, "api log: ") }) {
		t.Errorf("lines of the request: %q\n%s", messages, s.log)
	}
}

// messagesOf gives the messages of a request's lines; there must be no others.
func messagesOf(t *testing.T, lines, id string) (messages []string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var l struct {
			Msg        string
			ResponseID string `json:"response_id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("not a line of JSON: %s", line)
		}
		switch {
		case slices.ContainsFunc(background, func(prefix string) bool { return strings.HasPrefix(l.Msg, prefix) }):
		case l.ResponseID != id || strings.Count(line, `"response_id"`) > 1:
			t.Errorf("a line without the response id %s, or with two: %s", id, line)
		default:
			messages = append(messages, l.Msg)
		}
	}
	return messages
}

// send posts with a key; the answer's body is not read.
func (s *running) send(t *testing.T, key, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}
