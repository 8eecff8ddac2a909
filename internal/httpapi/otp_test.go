package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// otpSite is a site whose codes really are in its database.
type otpSite struct {
	*site
	ring   *secret.Ring
	bearer string
}

// lateOTP lets the service come after the site, whose database it needs.
type lateOTP struct{ otpService }

func newOTPSite(t *testing.T) *otpSite {
	t.Helper()
	late := &lateOTP{}
	s := &otpSite{site: newSite(t, func(d *Deps) { d.OTP = late }, nil)}
	var err error
	s.ring, err = secret.Parse(secret.Generate("k1"))
	require.NoError(t, err)
	mailer, err := otp.NewMailer(otp.MailerOptions{Life: 10 * time.Minute})
	require.NoError(t, err)
	late.otpService = otp.New(otp.Options{
		Store: postgres.NewOTPStore(s.pool("otp", 4)), Ring: s.ring, Mailer: mailer, Logger: s.deps.Logger,
		Registerer: s.reg, Life: 10 * time.Minute,
	})
	s.bearer = "Bearer " + s.key(access.RoleService)
	return s
}

func (s *otpSite) post(path, body string) answer {
	s.t.Helper()
	return s.call(http.MethodPost, path, body, "Authorization", s.bearer)
}

// code gives the newest mailed code.
func (s *otpSite) code() string {
	s.t.Helper()
	var sealed []byte
	require.NoError(s.t, s.db.Pool.QueryRow(s.t.Context(), `SELECT sealed FROM sespan.mail_message ORDER BY message_id DESC LIMIT 1`).Scan(&sealed))
	plain, err := s.ring.Open(secret.LabelMail, "", sealed)
	require.NoError(s.t, err)
	var body struct{ Text string }
	require.NoError(s.t, json.Unmarshal(plain, &body))
	return regexp.MustCompile(`[0-9]{6}`).FindString(body.Text)
}

func bodyOf(t *testing.T, a answer, status int) map[string]any {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &m))
	return m
}

func TestOTPFromIssueToVerified(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	id := pgtest.AddRegistering(t, s.db, "sari@example.com")
	a := s.post("/v1/otp", fmt.Sprintf(`{"customer_id":%d,"purpose":"registration","locale":"id"}`, id))
	issued := bodyOf(t, a, http.StatusAccepted)
	assert.Equal(t, "s***@example.com", issued["email"])
	assert.Len(t, issued, 4)
	for _, field := range []string{"valid_until", "resend_after"} {
		when, err := time.Parse(time.RFC3339, issued[field].(string))
		require.NoError(t, err)
		assert.True(t, when.After(time.Now()) && strings.HasSuffix(issued[field].(string), "Z"), issued[field])
	}
	r := s.row(a)
	assert.Equal(t, "OTP", *r.Type)
	assert.Equal(t, id, *r.CustomerID)

	path := "/v1/otp/" + issued["challenge_id"].(string)
	status := bodyOf(t, s.call(http.MethodGet, path, "", "Authorization", s.bearer), http.StatusOK)
	assert.Equal(t, map[string]any{
		"status": "pending", "purpose": "registration", "email": "s***@example.com", "attempts_left": 5.0, "delivery": "queued",
		"valid_until": issued["valid_until"], "resend_after": issued["resend_after"],
	}, status)

	code := s.code()
	a = s.post(path+"/verify", `{"otp_number":"`+code[:3]+" "+code[3:]+`","email":"Sari@example.com"}`)
	verified := bodyOf(t, a, http.StatusOK)
	assert.Equal(t, "verified", verified["status"])
	assert.Equal(t, strconv.FormatInt(id, 10), verified["customer_id"])
	assert.Len(t, verified, 3)
	r = s.row(a)
	assert.Equal(t, id, *r.CustomerID)
	assert.NotContains(t, r.RequestBody, code[3:])
	assert.NotContains(t, r.RequestBody, code[:3]+" ")
}

func TestOTPProblems(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	id := pgtest.AddRegistering(t, s.db, "a@example.com")
	expect := func(a answer, status int, slug string) answer {
		t.Helper()
		assert.Equal(t, status, a.status, a.body)
		assert.Equal(t, slug, a.problem(t))
		return a
	}
	issued := bodyOf(t, s.post("/v1/otp", fmt.Sprintf(`{"customer_id":"%d","purpose":"registration"}`, id)), http.StatusAccepted)
	s.db.Exec(t, `SELECT sespan.otp_revoke($1)`, id)
	path := "/v1/otp/" + issued["challenge_id"].(string)
	wrong := "000000"
	if s.code() == wrong {
		wrong = "000001"
	}
	a := expect(s.post(path+"/verify", `{"otp_number":"`+wrong+`"}`), 422, "otp-incorrect")
	assert.Contains(t, a.body, `"attempts_left":4`)
	assert.NotContains(t, a.body, wrong)
	assert.Equal(t, id, *s.row(a).CustomerID)
	assert.Equal(t, "otp-incorrect", *s.row(a).Details)

	a = expect(s.post(path+"/resend", ""), 429, "otp-too-soon")
	after, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(t, err)
	assert.True(t, after > 50 && after <= 60, after)

	expect(s.post(path+"/verify", `{"otp_number":"`+s.code()+`"}`), 403, "activation-refused")
	expect(s.post(path+"/verify", `{"otp_number":"`+s.code()+`"}`), 409, "otp-used")
	assert.Contains(t, s.call(http.MethodGet, path, "", "Authorization", s.bearer).body, `"status":"refused"`)
	expect(s.post("/v1/otp", `{"customer_id":"4711","purpose":"registration"}`), 404, "unknown-customer")
	nobody := "/v1/otp/" + uuid.NewString()
	expect(s.post(nobody+"/verify", `{"otp_number":"123456"}`), 404, "unknown-challenge")
	expect(s.post(nobody+"/resend", ""), 404, "unknown-challenge")
	expect(s.call(http.MethodGet, nobody, "", "Authorization", s.bearer), 404, "unknown-challenge")

	login := bodyOf(t, s.post("/v1/otp", `{"email":"nobody@example.com","purpose":"login"}`), http.StatusAccepted)
	path = "/v1/otp/" + login["challenge_id"].(string)
	for range 5 {
		expect(s.post(path+"/verify", `{"otp_number":"123456"}`), 422, "otp-incorrect")
	}
	a = expect(s.post(path+"/verify", `{"otp_number":"123456"}`), 429, "otp-locked")
	assert.NotEmpty(t, a.header.Get("Retry-After"))

	s.db.Exec(t, `UPDATE sespan.otp_challenge SET valid_until = now(), status = 'pending', wrong_guesses = 0`+
		` WHERE challenge_id = $1`, login["challenge_id"])
	expect(s.post(path+"/verify", `{"otp_number":"123456"}`), 410, "otp-expired")
}

func TestOTPDataComesBackOnce(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	a := s.post("/v1/otp", `{"email":"new@example.com","purpose":"registration","data":{ "username": "sari", "n": 12345678901234567890 }}`)
	issued := bodyOf(t, a, http.StatusAccepted)
	assert.NotContains(t, s.row(a).RequestBody, "sari")
	a = s.post("/v1/otp/"+issued["challenge_id"].(string)+"/verify", `{"otp_number":"`+s.code()+`"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.Contains(t, a.body, `"data":{"username":"sari","n":12345678901234567890}`)
	assert.NotContains(t, a.body, "customer_id")
	assert.NotContains(t, s.row(a).ResponseBody, "sari")
}

func TestOTPIsForTheServiceAlone(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	for _, role := range []access.Role{access.RoleReport, access.RoleDashboard, access.RoleAdmin} {
		a := s.call(http.MethodPost, "/v1/otp", `{"email":"a@example.com","purpose":"login"}`, "Authorization", "Bearer "+s.key(role))
		assert.Equal(t, http.StatusForbidden, a.status, role)
	}
	a := s.call(http.MethodPost, "/v1/otp", `{"email":"a@example.com","purpose":"login"}`)
	assert.Equal(t, http.StatusUnauthorized, a.status)
}

// Every bad input is a 4xx that names the field, repeats nothing of it, and
// leaves nothing behind.
func TestOTPBadInput(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	const challenge = "/v1/otp/01997d4e-6f2a-7cc3-98c4-dc0c0c07398f"
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	for name, c := range map[string]struct {
		path, body, location string
		status               int
	}{
		"no body":         {"/v1/otp", "", "", 400},
		"not JSON":        {"/v1/otp", "{", "", 400},
		"an array":        {"/v1/otp", "[]", "body", 422},
		"null":            {"/v1/otp", "null", "body", 422},
		"no purpose":      {"/v1/otp", `{"email":"a@example.com"}`, "body", 422},
		"later purpose":   {"/v1/otp", `{"email":"a@example.com","purpose":"password_reset"}`, "body.purpose", 422},
		"number purpose":  {"/v1/otp", `{"email":"a@example.com","purpose":1}`, "body.purpose", 422},
		"nobody":          {"/v1/otp", `{"purpose":"login"}`, "body", 422},
		"both null":       {"/v1/otp", `{"purpose":"login","email":null,"customer_id":null}`, "body", 422},
		"bad address":     {"/v1/otp", `{"purpose":"login","email":"not-Secret-9"}`, "body.email", 422},
		"header in it":    {"/v1/otp", `{"purpose":"login","email":"a@example.com\r\nBcc: Secret-9@example.com"}`, "body.email", 422},
		"NUL in it":       {"/v1/otp", `{"purpose":"login","email":"a\u0000Secret-9@example.com"}`, "body.email", 422},
		"long address":    {"/v1/otp", `{"purpose":"login","email":"` + strings.Repeat("a", 300) + `@example.com"}`, "body.email", 422},
		"zero id":         {"/v1/otp", `{"purpose":"login","customer_id":0}`, "body.customer_id", 422},
		"negative id":     {"/v1/otp", `{"purpose":"login","customer_id":"-1"}`, "body.customer_id", 422},
		"huge id":         {"/v1/otp", `{"purpose":"login","customer_id":"99999999999999999999"}`, "body.customer_id", 422},
		"fraction id":     {"/v1/otp", `{"purpose":"login","customer_id":1.5}`, "body.customer_id", 422},
		"unknown field":   {"/v1/otp", `{"purpose":"login","email":"a@example.com","Secret-9":1}`, "body", 422},
		"text flag":       {"/v1/otp", `{"purpose":"registration","customer_id":1,"resume":"yes"}`, "body.resume", 422},
		"a claim":         {"/v1/otp", `{"purpose":"registration","customer_id":1,"new_customer":true}`, "body", 422},
		"long locale":     {"/v1/otp", `{"purpose":"login","email":"a@example.com","locale":"` + strings.Repeat("x", 65) + `"}`, "body.locale", 422},
		"array data":      {"/v1/otp", `{"purpose":"registration","email":"a@example.com","data":["Secret-9"]}`, "body.data", 422},
		"large data":      {"/v1/otp", `{"purpose":"registration","email":"a@example.com","data":{"x":"` + strings.Repeat("x", 17000) + `"}}`, "body.data", 422},
		"deep data":       {"/v1/otp", `{"purpose":"registration","email":"a@example.com","data":` + deep + `}`, "body", 400},
		"data of a login": {"/v1/otp", `{"purpose":"login","email":"a@example.com","data":{}}`, "body.data", 422},
		"large body":      {"/v1/otp", `{"purpose":"login","email":"` + strings.Repeat("a", 70<<10) + `"}`, "", 413},
		"no code":         {challenge + "/verify", `{}`, "body", 422},
		"empty code":      {challenge + "/verify", `{"otp_number":""}`, "body.otp_number", 422},
		"short code":      {challenge + "/verify", `{"otp_number":"98798"}`, "body.otp_number", 422},
		"long code":       {challenge + "/verify", `{"otp_number":"` + strings.Repeat("9", 65) + `"}`, "body.otp_number", 422},
		"letters":         {challenge + "/verify", `{"otp_number":"Secret-9"}`, "body.otp_number", 422},
		"number":          {challenge + "/verify", `{"otp_number":987987}`, "body.otp_number", 422},
		"object":          {challenge + "/verify", `{"otp_number":{"a":987987}}`, "body.otp_number", 422},
		"bad id":          {"/v1/otp/Secret-9/verify", `{"otp_number":"123456"}`, "path.challenge_id", 422},
		"bad id resend":   {"/v1/otp/%27%20or%201=1/resend", ``, "path.challenge_id", 422},
		"query":           {challenge + "/resend?x=Secret-9", ``, "query", 422},
	} {
		a := s.post(c.path, c.body)
		if !assert.Equal(t, c.status, a.status, "%s: %s", name, a.body) {
			continue
		}
		a.problem(t)
		assert.NotContains(t, a.body, "Secret-9", name)
		assert.NotContains(t, a.body, "98798", name)
		if c.location != "" {
			assert.Contains(t, a.body, `"location":"`+c.location+`"`, "%s: %s", name, a.body)
		}
	}
	for _, table := range []string{"otp", "otp_challenge", "mail_message", "otp_budget"} {
		var n int
		require.NoError(t, s.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sespan.`+table).Scan(&n))
		assert.Zero(t, n, table)
	}
}
