package app

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
)

// attack is what one connection sends. Every answer has to be a refusal.
type attack struct {
	name string
	raw  string
	// protocol: it may be no HTTP that reaches us; then the server library's own
	// short refusal is fine (400, 431, 501, 505, plain text, connection closed).
	protocol bool
	status   int  // wanted, 0 for any 4xx
	hold     bool // what was announced never comes; the connection stays open
}

// Everything that is sent by somebody who means harm is refused with a problem
// document, changes nothing, and leaves no secret in the logs.
func TestHostileInput(t *testing.T) { //nolint:tparallel // its group is over when all attacks are
	t.Parallel()
	s := serve(t, "--allowed-origins=https://shop.example")
	v := newVictim(s)
	before := s.state()
	attacks := v.attacks()
	t.Run("attacks", func(t *testing.T) {
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				for _, res := range exchange(t, s.addr, a) {
					judge(t, a, res)
				}
			})
		}
	})
	for table, hash := range s.state() {
		if before[table] != hash {
			t.Errorf("table %s was %s and is %s", table, before[table], hash)
		}
	}
	v.lookForSecrets()
	if log := s.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "panic") {
		t.Errorf("the service failed:\n%s", log)
	}
	if res := exchange(t, s.addr, attack{raw: request("GET", "/v1/tiers", v.admin, "")}); len(res) != 1 || res[0].status != http.StatusOK {
		t.Errorf("afterwards it does not work: %+v", res)
	}
}

// response is one answer on a connection.
type response struct {
	status int
	header http.Header
	body   string
	last   bool // the server closes the connection
}

// exchange sends raw bytes and reads all answers until the connection ends.
func exchange(t *testing.T, addr string, a attack) []response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	go func() {
		io.WriteString(conn, a.raw) // the server may hang up on it
		if !a.hold && !strings.Contains(a.raw, "Connection: close") {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	var list []response
	for in := bufio.NewReader(conn); ; {
		res, err := http.ReadResponse(in, &http.Request{Method: methodOf(a.raw)})
		if err != nil {
			if len(list) == 0 && !a.protocol {
				t.Fatalf("no answer: %v", err)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset") {
				return list
			}
			t.Fatalf("after %d answers: %v", len(list), err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		list = append(list, response{res.StatusCode, res.Header, string(body), res.Close})
	}
}

func methodOf(raw string) string {
	method, _, _ := strings.Cut(raw, " ")
	return method
}

func judge(t *testing.T, a attack, res response) {
	t.Helper()
	if a.status != 0 && res.status != a.status || res.status < 400 || res.status > 499 && !a.protocol || res.status == 500 {
		t.Errorf("status %d: %.300s", res.status, res.body)
	}
	if a.protocol && res.header.Get("X-Response-Id") == "" {
		if !res.last || len(res.body) > 100 {
			t.Errorf("the library's refusal: %d %.300s", res.status, res.body)
		}
		return
	}
	if methodOf(a.raw) == http.MethodHead {
		return
	}
	var problem struct {
		Type       string `json:"type"`
		Status     int    `json:"status"`
		ResponseID string `json:"response_id"`
	}
	err := json.Unmarshal([]byte(res.body), &problem)
	if err != nil || res.header.Get("Content-Type") != "application/problem+json" || problem.Status != res.status ||
		!strings.HasPrefix(problem.Type, "urn:sespan:problem:") || problem.ResponseID != res.header.Get("X-Response-Id") {
		t.Errorf("no problem document: %d %v %.300s", res.status, res.header, res.body)
	}
	if (res.status == http.StatusMethodNotAllowed) != (res.header.Get("Allow") != "") {
		t.Errorf("%d with Allow %q", res.status, res.header.Get("Allow"))
	}
	if (res.status == http.StatusTooManyRequests) != (res.header.Get("Retry-After") != "") {
		t.Errorf("%d with Retry-After %q", res.status, res.header.Get("Retry-After"))
	}
}

// victim is a site in use: keys, a customer, a tier, a challenge and a draw.
type victim struct {
	*running
	service, admin, token string // credentials that are good
	customer              int64
	challenge             string
	code                  string // the same in all attacks, never a correct one
	secrets               []string
}

func newVictim(s *running) *victim {
	v := &victim{
		running: s, service: s.key(access.RoleService), admin: s.key(access.RoleAdmin),
		customer: pgtest.AddCustomer(s.t, s.db, "sari@example.com", true), code: "7719430918", // too long for a code
	}
	v.token = s.token(`{"alg":"EdDSA","kid":"site"}`, claims(map[string]any{"sub": strconv.FormatInt(v.customer, 10)}))
	v.secrets = []string{v.service[16:], v.admin[16:], v.token, v.code, "hunter2-canary"}
	v.good(v.admin, "/v1/tiers", `{"name":"All","probability":"0.5","discount":"0.1"}`, http.StatusCreated)
	v.good(v.service, "/v1/transactions", fmt.Sprintf(`{"customer_id":%d,"order_ref":"A-0","transaction_amount":"1.00"}`, v.customer), http.StatusCreated)
	issued := v.good(v.service, "/v1/otp", fmt.Sprintf(`{"customer_id":%d,"purpose":"login"}`, v.customer), http.StatusAccepted)
	var body struct {
		ChallengeID string `json:"challenge_id"`
	}
	if err := json.Unmarshal([]byte(issued.body), &body); err != nil {
		s.t.Fatal(err)
	}
	v.challenge = body.ChallengeID
	return v
}

func (v *victim) good(credential, path, body string, status int) response {
	v.t.Helper()
	list := exchange(v.t, v.addr, attack{raw: request("POST", path, credential, body)})
	if len(list) != 1 || list[0].status != status {
		v.t.Fatalf("POST %s: %+v", path, list)
	}
	return list[0]
}

// secret notes something that must not show in any log, and gives it back.
func (v *victim) secret(s string) string {
	if len(s) > 20 && utf8.ValidString(s) { // short ones stand everywhere
		v.secrets = append(v.secrets, s)
	}
	return s
}

// lookForSecrets searches the API log and the process's own log.
func (v *victim) lookForSecrets() {
	v.t.Helper()
	log := v.log.String()
	var rows int
	if err := v.db.Pool.QueryRow(v.t.Context(), `SELECT count(*) FROM sespan.api_log`).Scan(&rows); err != nil || rows < 50 {
		v.t.Errorf("only %d rows in the API log (%v)", rows, err)
	}
	for _, s := range v.secrets {
		if strings.Contains(log, s) {
			v.t.Errorf("the process's log holds %.40s…", s)
		}
		var row string
		err := v.db.Pool.QueryRow(v.t.Context(), `SELECT coalesce(min(t::text), '') FROM sespan.api_log_full t WHERE strpos(t::text, $1) > 0`, s).Scan(&row)
		if err != nil || row != "" {
			v.t.Errorf("the API log holds %.40s…: %.600s %v", s, row, err)
		}
	}
}

// request is a well-formed request; more are further header lines.
func request(method, target, credential, body string, more ...string) string {
	lines := []string{method + " " + target + " HTTP/1.1", "Host: api.example", "Connection: close"}
	if credential != "" {
		lines = append(lines, "Authorization: Bearer "+credential)
	}
	lines = append(lines, more...)
	if body != "" {
		if !strings.Contains(strings.Join(more, "\n"), "Content-Type") {
			lines = append(lines, "Content-Type: application/json")
		}
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func (v *victim) attacks() []attack {
	var list []attack
	for prefix, some := range map[string][]attack{
		"body": v.bodies(), "path": v.paths(), "method": v.methods(), "wire": v.wires(), "credential": v.credentials(),
	} {
		names := map[string]bool{}
		for _, a := range some {
			if names[a.name] {
				v.t.Fatalf("two attacks are named %s", a.name)
			}
			names[a.name] = true
			a.name = prefix + "/" + a.name
			list = append(list, a)
		}
	}
	return list
}

// posts makes attacks of bodies that go to one path.
func (v *victim) posts(path, credential string, status int, bodies map[string]string) []attack {
	var list []attack
	for name, body := range maps.All(bodies) {
		list = append(list, attack{name: path + "/" + name, raw: request("POST", path, credential, body), status: status})
	}
	return list
}
