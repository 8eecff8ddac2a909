package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

const gold = `{"name":"Gold","minimum_transaction":"100","maximum_transaction":"500.5","probability":"0.250","discount":"0.1",
	"starts_at":"2026-11-22T07:00:00+07:00","maximum_discount":"50","budget_amount":"1000","budget_uses":10,"per_customer_uses":2,"per_customer_draws":3}`

func (d *drawSite) asAdmin(method, path, body string) answer {
	d.t.Helper()
	return d.call(method, path, body, "Authorization", d.admin)
}

func TestTierLife(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	made := d.tier(gold)
	require.Equal(t, http.StatusCreated, made.status, made.body)
	one := decode[tierAnswer](t, made)
	path := "/v1/tiers/" + strconv.FormatInt(one.TierID, 10)
	assert.Equal(t, path, made.header.Get("Location"))
	assert.Contains(t, made.body, `"minimum_transaction":"100.00","maximum_transaction":"500.50","probability":"0.25","discount":"0.1","is_active":true,`+
		`"starts_at":"2026-11-22T00:00:00Z","ends_at":null,"maximum_discount":"50.00","budget_amount":"1000.00","budget_uses":10,"per_customer_uses":2,"per_customer_draws":3`)
	assert.Equal(t, made.body, d.asAdmin("GET", path, "").body)

	changed := d.asAdmin("PUT", path, `{"name":"Silver","probability":"0.333333333333333333","discount":"1","is_active":false,"minimum_transaction":null}`)
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	assert.Contains(t, changed.body, `"minimum_transaction":null,"maximum_transaction":null,"probability":"0.333333333333333333","discount":"1","is_active":false`,
		"what is left out becomes open")
	assert.Equal(t, "Admin", *d.row(changed).Type)

	report := d.call("GET", "/v1/tiers", "", "Authorization", "Bearer "+d.key(access.RoleReport))
	assert.Equal(t, http.StatusOK, report.status)
	assert.Len(t, decode[tierSet](t, report).Tiers, 1)

	gone := d.asAdmin("DELETE", path, "")
	assert.Equal(t, http.StatusNoContent, gone.status)
	assert.Empty(t, gone.body)
	for _, a := range []answer{d.asAdmin("GET", path, ""), d.asAdmin("PUT", path, gold), d.asAdmin("DELETE", path, "")} {
		assert.Equal(t, http.StatusNotFound, a.status)
		assert.Equal(t, "unknown-tier", a.problem(t))
	}
	assert.JSONEq(t, `{"tiers":[]}`, d.asAdmin("GET", "/v1/tiers", "").body)
}

// A changed cart is a new draw: a tier is bounded unless somebody says otherwise.
func TestDrawsOfADayAreThreeUnlessNamed(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	made := decode[tierAnswer](t, d.tier(`{"name":"A","probability":"0","discount":"0"}`))
	path := "/v1/tiers/" + strconv.FormatInt(made.TierID, 10)
	for property, want := range map[string]string{
		``:                           `"per_customer_draws":3,`,
		`,"per_customer_draws":null`: `"per_customer_draws":null,`,
		`,"per_customer_draws":7`:    `"per_customer_draws":7,`,
		`,"per_customer_draws":0`:    `"per_customer_draws":0,`,
	} {
		body := `{"name":"A","probability":"0","discount":"0"` + property + `}`
		for way, a := range map[string]answer{
			"put": d.asAdmin("PUT", path, body),
			"set": d.asAdmin("PUT", "/v1/tiers", `{"tiers":[{"tier_id":`+strconv.FormatInt(made.TierID, 10)+`,`+body[1:]+`]}`),
		} {
			require.Equal(t, http.StatusOK, a.status, a.body)
			assert.Contains(t, a.body, want, "%s with %q", way, property)
		}
	}
	assert.Equal(t, int32(3), *made.PerCustomerDraws)
	for _, wrong := range []string{`-1`, `"3"`, `1.5`, `99999999999`, `[]`} {
		a := d.tier(`{"name":"B","maximum_transaction":"1","probability":"0","discount":"0","per_customer_draws":` + wrong + `}`)
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", wrong, a.body)
		assert.Contains(t, a.body, "body", wrong)
	}
}

func TestTierOverlapIsAConflict(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	one := decode[tierAnswer](t, d.tier(gold))
	a := d.tier(`{"name":"Other","minimum_transaction":"500.49","probability":"1","discount":"1","ends_at":"2026-11-22T00:00:01Z"}`)
	assert.Equal(t, http.StatusConflict, a.status, a.body)
	assert.Equal(t, "tier-overlap", a.problem(t))
	assert.Contains(t, a.body, `"tier_id":`+strconv.FormatInt(one.TierID, 10))
	assert.Contains(t, a.body, "Gold")
	touching := d.tier(`{"name":"Other","minimum_transaction":"500.50","probability":"1","discount":"1"}`)
	assert.Equal(t, http.StatusCreated, touching.status, touching.body)
}

func TestTheWholeSetAtOnce(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	low := decode[tierAnswer](t, d.tier(`{"name":"Low","maximum_transaction":"100","probability":"0.1","discount":"0.1"}`))
	high := decode[tierAnswer](t, d.tier(`{"name":"High","minimum_transaction":"100","probability":"0.1","discount":"0.1"}`))
	id := func(x tierAnswer) string { return strconv.FormatInt(x.TierID, 10) }
	swapped := d.asAdmin("PUT", "/v1/tiers", `{"tiers":[
		{"tier_id":`+id(low)+`,"name":"Low","minimum_transaction":"100","probability":"0.1","discount":"0.1"},
		{"tier_id":`+id(high)+`,"name":"High","maximum_transaction":"50","probability":"0.1","discount":"0.1"},
		{"name":"Middle","minimum_transaction":"50","maximum_transaction":"100","probability":"0.1","discount":"0.1"}]}`)
	require.Equal(t, http.StatusOK, swapped.status, swapped.body)
	before := d.asAdmin("GET", "/v1/tiers", "").body
	assert.JSONEq(t, before, swapped.body)
	for name, c := range map[string]struct {
		set, slug, field string
		status           int
	}{
		"overlap":  {`[{"name":"A","probability":"1","discount":"1"},{"name":"B","probability":"1","discount":"1"}]`, "tier-overlap", "body.tiers[1]", 409},
		"value":    {`[{"name":"A","probability":"1.5","discount":"1"}]`, "invalid", "body.tiers[0].probability", 422},
		"unknown":  {`[{"tier_id":999,"name":"A","probability":"1","discount":"1"}]`, "unknown-tier", "", 404},
		"twice":    {`[{"tier_id":1,"name":"A","probability":"1","discount":"1"},{"tier_id":1,"name":"A","probability":"1","discount":"1"}]`, "invalid", "body.tiers[1].tier_id", 422},
		"no array": {`null`, "invalid", "body.tiers", 422},
	} {
		a := d.asAdmin("PUT", "/v1/tiers", `{"tiers":`+c.set+`}`)
		assert.Equal(t, c.status, a.status, "%s: %s", name, a.body)
		assert.Equal(t, c.slug, a.problem(t), name)
		assert.Contains(t, a.body, c.field, name)
		assert.Equal(t, before, d.asAdmin("GET", "/v1/tiers", "").body, "%s left something behind", name)
	}
	require.Equal(t, http.StatusOK, d.asAdmin("PUT", "/v1/tiers", `{"tiers":[]}`).status)
	assert.JSONEq(t, `{"tiers":[]}`, d.asAdmin("GET", "/v1/tiers", "").body)
}

func TestTierRefusesBadInput(t *testing.T) {
	t.Parallel()
	d := newDrawSite(t)
	for name, c := range map[string]struct{ properties, field string }{
		"probability above 1": {`"probability":"1.01","discount":"0"`, "body.probability"},
		"a float":             {`"probability":0.5,"discount":"0"`, "body.probability"},
		"19 decimals":         {`"probability":"0.1234567890123456789","discount":"0"`, "body.probability"},
		"exponent":            {`"probability":"1e-3","discount":"0"`, "body.probability"},
		"negative discount":   {`"probability":"0","discount":"-0.1"`, "body.discount"},
		"fine discount":       {`"probability":"0","discount":"0.0000001"`, "body.discount"},
		"empty range":         {`"probability":"0","discount":"0","minimum_transaction":"5","maximum_transaction":"5.00"`, "body.maximum_transaction"},
		"third of a cent":     {`"probability":"0","discount":"0","maximum_discount":"0.001"`, "body.maximum_discount"},
		"time":                {`"probability":"0","discount":"0","starts_at":"tomorrow"`, "body.starts_at"},
		"ends first":          {`"probability":"0","discount":"0","starts_at":"2026-01-02T00:00:00Z","ends_at":"2026-01-01T00:00:00Z"`, "body.ends_at"},
		"long ago":            {`"probability":"0","discount":"0","ends_at":"0001-01-01T00:00:00Z"`, "body.ends_at"},
		"negative uses":       {`"probability":"0","discount":"0","budget_uses":-1`, "body.budget_uses"},
		"half a use":          {`"probability":"0","discount":"0","budget_uses":1.5`, "body.budget_uses"},
		"too many uses":       {`"probability":"0","discount":"0","per_customer_uses":99999999999`, "body"},
		"no discount":         {`"probability":"0"`, "body"},
		"another property":    {`"probability":"0","discount":"0","created_at":"2026-01-01T00:00:00Z"`, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := d.tier(`{"name":"X",` + c.properties + `}`)
			require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
			doc := decode[document](t, a)
			require.NotEmpty(t, doc.Errors, a.body)
			assert.Equal(t, c.field, doc.Errors[0].Location, a.body)
		})
	}
	for _, name := range []string{``, ` x`, `a\u0000b`, strings.Repeat("x", 101)} {
		a := d.tier(`{"name":"` + name + `","probability":"0","discount":"0"}`)
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
	}
	for _, path := range []string{"/v1/tiers/0", "/v1/tiers/x", "/v1/tiers/99999999999999999999"} {
		assert.Equal(t, http.StatusUnprocessableEntity, d.asAdmin("GET", path, "").status, path)
	}
	service := d.call("POST", "/v1/tiers", gold, "Authorization", d.service)
	assert.Equal(t, http.StatusForbidden, service.status)
	assert.Contains(t, decode[document](t, service).Detail, "Bring a key or token of the role admin,")
	service = d.call("GET", "/v1/tiers", "", "Authorization", d.service)
	assert.Contains(t, decode[document](t, service).Detail, "of the role admin or report,")
}
