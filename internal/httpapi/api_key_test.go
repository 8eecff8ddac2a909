package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

// office is the API with keys for people, and the tokens of some.
type office struct {
	*site
	sg *signer
}

func newOffice(t *testing.T) *office {
	t.Helper()
	sg := newSigner(t, "one")
	o := &office{sg: sg}
	o.site = newSite(t, func(d *Deps) {
		sg.deps(d)
	}, nil)
	return o
}

// as makes a staff token.
func (o *office) as(sub string, roles ...string) string {
	return o.sg.token("one", map[string]any{"sub": sub, "name": "user" + sub, "scope": "staff", "roles": roles, "address": "192.0.2." + sub})
}

func (o *office) by(token, method, path, body string) answer {
	o.t.Helper()
	return o.call(method, path, body, "Authorization", "Bearer "+token)
}

// newKey is the answer to a creation or rotation.
type newKey struct {
	Key, KeyID, Role, Name, State string
	OwnerID, OwnerName            *string
	Expires                       *time.Time
}

func (o *office) made(a answer) newKey {
	o.t.Helper()
	require.Equal(o.t, http.StatusCreated, a.status, a.body)
	var raw struct {
		Key       string     `json:"key"`
		KeyID     string     `json:"key_id"`
		Role      string     `json:"role"`
		Name      string     `json:"name"`
		State     string     `json:"state"`
		OwnerID   *string    `json:"owner_id"`
		OwnerName *string    `json:"owner_name"`
		Expires   *time.Time `json:"expires_at"`
	}
	require.NoError(o.t, json.Unmarshal([]byte(a.body), &raw))
	assert.NotContains(o.t, o.row(a).ResponseBody, raw.Key, "the API log holds the key")
	return newKey{raw.Key, raw.KeyID, raw.Role, raw.Name, raw.State, raw.OwnerID, raw.OwnerName, raw.Expires}
}

func (o *office) reaches(key, path string) int {
	o.t.Helper()
	return o.by(key, "GET", path, "").status
}

func TestKeysOfPeople(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	admin, report, other := o.as("1", "admin", "dashboard", "report"), o.as("2", "report"), o.as("3", "report")

	machine := o.made(o.by(admin, "POST", "/v1/keys", `{"role":"service","name":" shop "}`))
	assert.Equal(t, newKey{machine.Key, machine.KeyID, "service", "shop", "active", nil, nil, nil}, machine)
	own := o.made(o.by(report, "POST", "/v1/keys", `{"role":"report","name":"books"}`))
	assert.Equal(t, "2", *own.OwnerID)
	assert.Equal(t, "user2", *own.OwnerName)
	assert.WithinDuration(t, time.Now().AddDate(0, 0, 90), *own.Expires, 2*time.Hour)
	adminOwn := o.made(o.by(admin, "POST", "/v1/keys", `{"role":"dashboard","name":"wall","own":true,"expires_in_days":7}`))
	assert.Equal(t, "1", *adminOwn.OwnerID)

	// Who sees what.
	assert.Equal(t, 3, strings.Count(o.by(admin, "GET", "/v1/keys", "").body, `"key_id"`))
	list := o.by(report, "GET", "/v1/keys", "")
	assert.Equal(t, 1, strings.Count(list.body, `"key_id"`))
	assert.NotContains(t, list.body, own.Key)
	assert.Equal(t, `{"keys":[]}`, strings.TrimSpace(o.by(other, "GET", "/v1/keys", "").body))

	// Somebody else's key is none.
	for _, id := range []string{own.KeyID, machine.KeyID, "zzzzzzzzzzzz", "x", "sk_", "%00", "..%2f..", strings.Repeat("a", 100)} {
		assert.Equal(t, "unknown-key", o.by(other, "DELETE", "/v1/keys/"+id, "").problem(t), id)
		assert.Equal(t, "unknown-key", o.by(other, "POST", "/v1/keys/"+id+"/rotate", "").problem(t), id)
	}
	assert.Equal(t, "forbidden", o.by(admin, "POST", "/v1/keys/"+own.KeyID+"/rotate", "{}").problem(t), "an admin would see another's key")

	// Rotated: same role, name, owner and end; the old one is over.
	next := o.made(o.by(report, "POST", "/v1/keys/"+own.KeyID+"/rotate", ""))
	assert.Equal(t, []any{own.Role, own.Name, own.OwnerID, own.OwnerName}, []any{next.Role, next.Name, next.OwnerID, next.OwnerName})
	assert.WithinDuration(t, *own.Expires, *next.Expires, 0, "rotation lengthened its life")
	assert.Equal(t, http.StatusUnauthorized, o.reaches(own.Key, "/v1/tiers"))
	assert.NotEqual(t, http.StatusUnauthorized, o.reaches(next.Key, "/v1/keys"))
	assert.Equal(t, "conflict", o.by(report, "POST", "/v1/keys/"+own.KeyID+"/rotate", "").problem(t))
	later := o.made(o.by(admin, "POST", "/v1/keys/"+machine.KeyID+"/rotate", `{"overlap_seconds":3600}`))
	assert.NotEqual(t, http.StatusUnauthorized, o.reaches(machine.Key, "/v1/keys"), "the overlap")
	assert.Equal(t, "conflict", o.by(admin, "POST", "/v1/keys/"+machine.KeyID+"/rotate", "").problem(t), "rotated twice")

	for range 2 { // again it changes nothing
		assert.Equal(t, http.StatusNoContent, o.by(admin, "DELETE", "/v1/keys/"+later.KeyID, "").status)
	}
	assert.Equal(t, "conflict", o.by(admin, "POST", "/v1/keys/"+later.KeyID+"/rotate", "").problem(t))
	assert.Equal(t, http.StatusNoContent, o.by(admin, "DELETE", "/v1/keys/"+next.KeyID, "").status, "an admin ends a person's key")

	var audit string
	require.NoError(t, o.db.Pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', actor, actor_id, way, host(address), action), ', ' ORDER BY audit_id)
		FROM sespan.audit WHERE subject = 'key' AND subject_id IN ($1, $2)`, own.KeyID, next.KeyID).Scan(&audit))
	assert.Equal(t, "user2 2 http 192.0.2.2 insert, user2 2 http 192.0.2.2 insert, user2 2 http 192.0.2.2 revoke, user1 1 http 192.0.2.1 revoke", audit)
	var secrets int
	require.NoError(t, o.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sespan.audit WHERE concat(before, after) ~ 'secret'`).Scan(&secrets))
	assert.Zero(t, secrets)
}

// A key's maker is a person, whatever the key's role; a person gives what they have.
func TestKeysAreRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, role := range []access.Role{access.RoleService, access.RoleReport, access.RoleDashboard, access.RoleAdmin} {
		for _, call := range [][2]string{{"GET", "/v1/keys"}, {"POST", "/v1/keys"}, {"DELETE", "/v1/keys/abcdefabcdef"}, {"POST", "/v1/keys/abcdefabcdef/rotate"}} {
			a := o.by(o.key(role), call[0], call[1], "")
			assert.Equal(t, "forbidden", a.problem(t))
			assert.Contains(t, a.body, access.NotByKey)
		}
	}
	admin, report, dashboard := o.as("1", "admin"), o.as("2", "report"), o.as("3", "dashboard")
	for _, c := range []struct{ token, body, slug, field string }{
		{dashboard, `{"role":"dashboard","name":"x"}`, "forbidden", ""},
		{report, `{"role":"admin","name":"x"}`, "forbidden", "body.role"},
		{report, `{"role":"service","name":"x","own":true}`, "forbidden", "body.role"},
		{report, `{"role":"report","name":"x","own":false}`, "forbidden", "body.own"},
		{report, `{"role":"report","name":"x","expires_in_days":91}`, "invalid", "body.expires_in_days"},
		{admin, `{"role":"service","name":"x","own":true}`, "invalid", "body.role"},
		{admin, `{"role":"root","name":"x"}`, "invalid", "body.role"},
		{admin, `{"role":["admin"],"name":"x"}`, "invalid", "body.role"},
		{admin, `{"role":"admin"}`, "invalid", "body"},
		{admin, `{"role":"admin","name":""}`, "invalid", "body.name"},
		{admin, `{"role":"admin","name":"  "}`, "invalid", "body.name"},
		{admin, `{"role":"admin","name":"a\u0000b"}`, "invalid", "body.name"},
		{admin, `{"role":"admin","name":"a\nb"}`, "invalid", "body.name"},
		{admin, `{"role":"admin","name":"a\u202eb"}`, "invalid", "body.name"},
		{admin, `{"role":"admin","name":"` + strings.Repeat("x", 101) + `"}`, "invalid", "body.name"},
		{admin, `{"role":"admin","name":"x","expires_in_days":0}`, "invalid", "body.expires_in_days"},
		{admin, `{"role":"admin","name":"x","expires_in_days":-1}`, "invalid", "body.expires_in_days"},
		{admin, `{"role":"admin","name":"x","expires_in_days":1e300}`, "invalid", "body.expires_in_days"},
		{admin, `{"role":"admin","name":"x","expires_in_days":"90"}`, "invalid", "body.expires_in_days"},
		{admin, `{"role":"admin","name":"x","owner_id":"7"}`, "invalid", "body"},
	} {
		a := o.by(c.token, "POST", "/v1/keys", c.body)
		assert.Equal(t, c.slug, a.problem(t), c.body)
		if c.field != "" {
			assert.Contains(t, a.body, `"location":"`+c.field+`"`, c.body)
		}
	}
	own := o.made(o.by(report, "POST", "/v1/keys", `{"role":"report","name":"x","expires_in_days":null}`))
	for _, body := range []string{`{"overlap_seconds":-1}`, `{"overlap_seconds":86401}`, `{"overlap_seconds":"1"}`, `{"expires_in_days":365}`, `[]`} {
		assert.Equal(t, "invalid", o.by(report, "POST", "/v1/keys/"+own.KeyID+"/rotate", body).problem(t), body)
	}
	for i := range 12 {
		a := o.by(report, "POST", "/v1/keys", `{"role":"report","name":"x"}`)
		if i < access.MaxOwnKeys-1 {
			o.made(a)
		} else {
			assert.Equal(t, "conflict", a.problem(t))
		}
	}
}

// A token from before a loss of rights makes no key, and the keys of before are over
// within the few seconds that servers remember a key.
func TestKeysEndWithTheRight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	report := o.as("2", "report")
	own := o.made(o.by(report, "POST", "/v1/keys", `{"role":"report","name":"x"}`))
	require.Equal(t, http.StatusForbidden, o.reaches(own.Key, "/v1/keys"))
	o.db.Exec(t, `SELECT sespan.key_owner_roles('2', '{dashboard}', 'left the group Sespan report')`)
	assert.Equal(t, http.StatusForbidden, o.reaches(own.Key, "/v1/keys"), "remembered for up to five seconds")
	o.skew.Store(int64(5 * time.Second))
	assert.Equal(t, http.StatusUnauthorized, o.reaches(own.Key, "/v1/keys"))
	assert.Equal(t, "forbidden", o.by(report, "POST", "/v1/keys", `{"role":"report","name":"x"}`).problem(t))
	o.db.Exec(t, `SELECT sespan.key_owner_roles('2', '{report}', NULL)`)
	o.made(o.by(report, "POST", "/v1/keys", `{"role":"report","name":"x"}`))
}
