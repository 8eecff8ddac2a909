package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
)

// refusedTable fails unless the call was refused for its table, and did nothing.
func (s *site) refusedTable(a answer) {
	s.t.Helper()
	require.Equal(s.t, http.StatusConflict, a.status, a.body)
	assert.Equal(s.t, "customer-table-mismatch", a.problem(s.t))
	assert.Contains(s.t, a.body, "customer_table")
	assert.Nil(s.t, s.row(a).CustomerID, "the log tells of a customer who is not meant")
	for _, table := range []string{"sespan.otp_challenge", "sespan.otp", "sespan.mail_queue", "sespan.transaction_log"} {
		var n int
		require.NoError(s.t, s.db.Pool.QueryRow(s.t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		assert.Zero(s.t, n, table)
	}
}

// One tenant's customers have the keys of another's: a caller says whose it means.
func TestAnotherTableIsRefused(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	call := func(path, body string) answer { return d.call("POST", path, body, "Authorization", d.service) }
	for name, table := range map[string]string{
		"another schema": "tenant.auth_user", "another table": "public.member", "no schema": "auth_user", "another case": `public."Auth_user"`,
		"no name": "-", "long": strings.Repeat("x", 260), "open quote": `public."auth_user`, "three parts": "a.public.auth_user",
	} {
		t.Log(name)
		said := fmt.Sprintf(`"customer_table":%q`, table)
		d.refusedTable(call("/v1/otp", `{"purpose":"login","customer_id":1,`+said+`}`))
		d.refusedTable(call("/v1/otp", `{"purpose":"login","email":"c1@example.com",`+said+`}`))
		d.refusedTable(call("/v1/otp", `{"purpose":"registration","email":"new@example.com","data":{},`+said+`}`))
		d.refusedTable(call("/v1/logins", `{"username":"c1","customer_id":1,"outcome":"success",`+said+`}`))
		d.refusedTable(call("/v1/transactions", `{"order_ref":"A-1","transaction_amount":"10","customer_id":1,`+said+`}`))
		d.tokens["t"] = access.Principal{
			Kind: access.KindCustomer, Roles: []access.Role{access.RoleCustomer}, Subject: "1", OrderRef: "A-1", Amount: "10", CustomerTable: table,
		}
		d.refusedTable(d.draw(`{"order_ref":"A-1","transaction_amount":"10"}`, "Bearer t"))
	}
}

func TestTheBoundTableIsTaken(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	for i, said := range []string{``, `,"customer_table":""`, `,"customer_table":"public.auth_user"`, `,"customer_table":"\"public\".\"auth_user\""`} {
		a := d.draw(fmt.Sprintf(`{"order_ref":"A-%d","transaction_amount":"10","customer_id":1%s}`, i, said), d.service)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		a = d.call("POST", "/v1/logins", `{"username":"c1","customer_id":1,"outcome":"success"`+said+`}`, "Authorization", d.service)
		require.Equal(t, http.StatusCreated, a.status, a.body)
	}
	d.tokens["t"] = access.Principal{
		Kind: access.KindCustomer, Roles: []access.Role{access.RoleCustomer}, Subject: "1", OrderRef: "B-1", Amount: "10", CustomerTable: "public.auth_user",
	}
	assert.Equal(t, http.StatusCreated, d.draw(`{"order_ref":"B-1","transaction_amount":"10"}`, "Bearer t").status)
	a := d.draw(`{"order_ref":"B-1","transaction_amount":"10","customer_table":"public.auth_user"}`, "Bearer t")
	assert.Equal(t, "token-mismatch", a.problem(t), "the token alone says it")
}

func TestACodeForTheBoundTable(t *testing.T) {
	t.Parallel()
	s := newOTPSite(t)
	id := pgtest.AddCustomer(t, s.db, "ann@example.com", true)
	bodyOf(t, s.post("/v1/otp", fmt.Sprintf(`{"purpose":"login","customer_id":%d,"customer_table":"public.auth_user"}`, id)), http.StatusAccepted)
	assert.NotEmpty(t, s.code())
}
