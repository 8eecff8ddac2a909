package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
)

// observer collects what a site learns about one address, with everything left out that
// differs from call to call.
type observer struct {
	*otpSite
	started time.Time
	ids     []string // challenges, in the order of their first appearance
	answers []string
}

// observe records an answer: its status, its headers and every field of its body; times
// by the minute from the start, challenges by their number.
func (v *observer) observe(step string, a answer) map[string]any {
	v.t.Helper()
	var names []string
	for name := range a.header {
		names = append(names, name)
	}
	slices.Sort(names)
	line := fmt.Sprint(step, ": ", a.status, " ", a.header.Get("Content-Type"), " ", names)
	if after := a.header.Get("Retry-After"); after != "" {
		seconds, err := strconv.Atoi(after)
		require.NoError(v.t, err)
		line += fmt.Sprint(" after ", v.minutes(time.Now().Add(time.Duration(seconds)*time.Second)))
	}
	var body map[string]any
	require.NoError(v.t, json.Unmarshal([]byte(a.body), &body), a.body)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range body {
			if name != "response_id" && !yield(name) {
				return
			}
		}
	}) {
		line += fmt.Sprint("\n    ", name, " ", v.plain(name, body[name]))
	}
	v.answers = append(v.answers, line)
	return body
}

func (v *observer) minutes(at time.Time) string {
	return fmt.Sprint(math.Round(at.Sub(v.started).Minutes()), " min")
}

func (v *observer) plain(name string, value any) any {
	text, _ := value.(string)
	if name == "challenge_id" {
		if !slices.Contains(v.ids, text) {
			v.ids = append(v.ids, text)
		}
		return slices.Index(v.ids, text)
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return v.minutes(at)
	}
	return value
}

// advance lets the given time pass for the codes of all.
func (s *otpSite) advance(seconds int) {
	for _, statement := range []string{
		`UPDATE sespan.otp SET valid_until = valid_until - make_interval(secs => $1), created_at = created_at - make_interval(secs => $1)`,
		`UPDATE sespan.otp_challenge SET created_at = created_at - make_interval(secs => $1), sent_at = sent_at - make_interval(secs => $1),
			valid_until = valid_until - make_interval(secs => $1)`,
		`UPDATE sespan.budget SET used_at = ARRAY(SELECT u - make_interval(secs => $1) FROM unnest(used_at) AS u)`,
	} {
		s.db.Exec(s.t, statement, seconds)
	}
}

// walkThrough goes through everything that a challenge can be asked.
func (v *observer) walkThrough(request string, again func()) {
	v.t.Helper()
	path := "/v1/otp/" + v.observe("issue", v.post("/v1/otp", request))["challenge_id"].(string)
	v.observe("issue again", v.post("/v1/otp", request))
	v.observe("status", v.call(http.MethodGet, path, "", "Authorization", v.bearer))
	v.observe("resend too early", v.post(path+"/resend", ""))
	v.observe("verify for another address", v.post(path+"/verify", `{"otp_number":"123456","email":"b@example.com"}`))
	v.advance(61)
	v.observe("resume", v.post("/v1/otp", strings.Replace(request, "{", `{"resume":true,`, 1)))
	v.observe("resend", v.post(path+"/resend", ""))
	v.observe("status", v.call(http.MethodGet, path, "", "Authorization", v.bearer))
	if again != nil {
		again()
		v.observe("registered again", v.post("/v1/otp", request))
		v.observe("verify what was replaced", v.post(path+"/verify", `{"otp_number":"123456"}`))
		v.advance(61)
		path = "/v1/otp/" + v.observe("a minute later", v.post("/v1/otp", request))["challenge_id"].(string)
	}
	for range 6 {
		v.observe("verify", v.post(path+"/verify", `{"otp_number":"123456"}`))
	}
	v.observe("status", v.call(http.MethodGet, path, "", "Authorization", v.bearer))
	v.observe("resend when locked", v.post(path+"/resend", ""))
	v.advance(61)
	v.observe("issue after the lock", v.post("/v1/otp", request))
}

// requireIdentical fails where two addresses are told apart.
func requireIdentical(t *testing.T, observers map[string]*observer) {
	t.Helper()
	for name, v := range observers {
		assert.Equal(t, observers["unknown"].answers, v.answers, name)
	}
}

func (s *otpSite) observer() *observer { return &observer{otpSite: s, started: time.Now()} }

// customer makes one whose right to be activated is as a state of registration leaves it.
func (s *otpSite) customer(email string, active bool, right string) int64 {
	id := pgtest.AddCustomer(s.t, s.db, email, active)
	if right != "" {
		s.db.Exec(s.t, `INSERT INTO sespan.otp_activation (customer_id, granted_at, used_at) VALUES ($1, now(), `+right+`)`, id)
	}
	return id
}

// Nobody learns from a registration by address whether there is a customer, of
// whichever state: every answer of every call is the same.
func TestOTPRegistrationByAddressTellsNothing(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	s.customer("aunverified@example.com", false, "NULL")
	s.customer("averified@example.com", true, "now()")
	s.customer("abanned@example.com", false, "now()")
	s.customer("abefore@example.com", false, "")
	s.customer("ashared@example.com", true, "")
	s.customer("ASHARED@example.com", true, "")
	observers, mails := map[string]*observer{}, map[string]int{}
	for _, name := range []string{"unknown", "unverified", "verified", "banned", "before", "shared"} {
		v := s.observer()
		request := fmt.Sprintf(`{"email":"a%s@Example.com","purpose":"registration","data":{"n":1}}`, name)
		v.walkThrough(request, func() {
			v.observe("another form", v.post("/v1/otp", strings.Replace(request, `"n":1`, `"n":2`, 1)))
			request = strings.Replace(request, `"n":1`, `"n":3`, 1)
			v.advance(61)
			path := "/v1/otp/" + v.observe("another form, later", v.post("/v1/otp", request))["challenge_id"].(string)
			v.observe("status", v.call(http.MethodGet, path, "", "Authorization", v.bearer))
		})
		observers[name], mails[name] = v, s.mailsTo("a"+name+"@example.com")
	}
	requireIdentical(t, observers)
	// A notice for each code that came by a request; a resend mails none.
	assert.Equal(t, map[string]int{"unknown": 5, "unverified": 5, "verified": 4, "banned": 0, "before": 0, "shared": 0}, mails)
	assert.Equal(t, 4, int(s.counters("sespan_otp_events_total", "event")["ambiguous"]))
}

func (s *otpSite) mailsTo(email string) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.db.Pool.QueryRow(s.t.Context(), `SELECT count(*) FROM sespan.mail_message WHERE lower(to_addresses[1]) = $1`, email).Scan(&n))
	return n
}

// The same where the site has the customer first and says in its transaction that
// somebody registers.
func TestOTPRegistrationByCustomerTellsNothing(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	ids := map[string]int64{
		"unknown":    pgtest.AddRegistering(t, s.db, "aunknown@example.com"),
		"unverified": s.customer("aunverified@example.com", false, "NULL"),
		"verified":   s.customer("averified@example.com", true, "now()"),
		"banned":     s.customer("abanned@example.com", false, "now()"),
		"before":     s.customer("abefore@example.com", false, ""),
	}
	observers, mails := map[string]*observer{}, map[string]int{}
	for name, id := range ids {
		v := s.observer()
		register := func() { s.db.Exec(t, `SELECT sespan.otp_supersede($1)`, id) }
		register()
		v.walkThrough(fmt.Sprintf(`{"customer_id":%d,"purpose":"registration"}`, id), register)
		observers[name], mails[name] = v, s.mailsTo("a"+name+"@example.com")
	}
	requireIdentical(t, observers)
	assert.Equal(t, map[string]int{"unknown": 4, "unverified": 4, "verified": 3, "banned": 0, "before": 0}, mails)
	assert.Equal(t, 3, int(s.counters("sespan_otp_events_total", "event")["notified"]))
}
