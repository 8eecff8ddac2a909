package postgres_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
)

// desk is keys of people on a database.
type desk struct {
	db    *pgtest.DB
	staff access.StaffKeys
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	db := pgtest.NewDB(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.ServiceURL(t), MaxConns: 8, LockTimeout: time.Minute, StatementTimeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &desk{db, access.StaffKeys{Admin: access.KeyAdmin{Store: postgres.NewKeys(pool), Clock: time.Now}}}
}

func person(id string, roles ...access.Role) access.Principal {
	return access.Principal{Kind: access.KindStaff, Subject: id, Name: "user" + id, Roles: roles, Issued: time.Now()}
}

func (d *desk) make(t *testing.T, p access.Principal, role access.Role) access.Key {
	t.Helper()
	own := true
	k, _, err := d.staff.Create(t.Context(), p, access.KeyRequest{Role: role, Name: "x", Own: &own})
	require.NoError(t, err)
	return k
}

// live lists the live keys of a person.
func (d *desk) live(t *testing.T, owner string) []string {
	t.Helper()
	return strings.Fields(mailValue[string](t, d.db, `SELECT coalesce(string_agg(key_id, ' '), '') FROM sespan.api_key
		WHERE owner_id = '`+owner+`' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`))
}

// together runs fn n times at once and gives the slugs of their problems, "" for none.
func together(n int, fn func(i int) error) []problem.Slug {
	slugs := make([]problem.Slug, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { slugs[i] = problem.SlugOf(fn(i)) })
	}
	all.Wait()
	return slugs
}

func TestKeyRotatedByManyAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := person("7", access.RoleReport)
	for _, overlap := range []time.Duration{0, time.Hour} {
		k := d.make(t, p, access.RoleReport)
		slugs := together(8, func(int) error {
			_, _, err := d.staff.Rotate(t.Context(), p, k.ID, overlap)
			return err
		})
		slices.Sort(slugs)
		want := append([]problem.Slug{""}, slices.Repeat([]problem.Slug{problem.Conflict}, 7)...)
		assert.Equal(t, want, slugs, "overlap %s", overlap)
		n := mailValue[int](t, d.db, "SELECT count(*) FROM sespan.api_key WHERE replaces = '"+k.ID+"'")
		assert.Equal(t, 1, n, "successors")
	}
}

// Whichever comes first, the key that was meant is over: a rotation that comes second
// is refused, one that came first leaves its successor.
func TestKeyRevokedWhileItIsRotated(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := person("7", access.RoleReport)
	for range 10 {
		k := d.make(t, p, access.RoleReport)
		slugs := together(2, func(i int) error {
			if i == 0 {
				return d.staff.Revoke(t.Context(), p, k.ID)
			}
			_, _, err := d.staff.Rotate(t.Context(), p, k.ID, time.Hour)
			return err
		})
		assert.Empty(t, slugs[0])
		live := d.live(t, "7")
		assert.NotContains(t, live, k.ID)
		if slugs[1] == "" {
			assert.Len(t, live, 1)
		} else {
			assert.Equal(t, problem.Conflict, slugs[1])
			assert.Empty(t, live)
		}
		d.db.Exec(t, "UPDATE sespan.api_key SET revoked_at = now() WHERE revoked_at IS NULL")
	}
}

func TestKeysOfAPersonAreBoundedHoweverManyAsk(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := person("7", access.RoleReport)
	slugs := together(3*access.MaxOwnKeys, func(int) error {
		_, _, err := d.staff.Create(t.Context(), p, access.KeyRequest{Role: access.RoleReport, Name: "x"})
		return err
	})
	assert.Len(t, d.live(t, "7"), access.MaxOwnKeys)
	assert.Equal(t, 2*access.MaxOwnKeys, len(slices.DeleteFunc(slugs, func(s problem.Slug) bool { return s != problem.Conflict })))
}

// Making, rotating and losing the right at once: in the end no live key is left that
// the person has no right to.
func TestKeysOfWhoLosesTheRightMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	producer := d.db.Login(t, "", "sespan_producer")
	for range 8 {
		p := person("7", access.RoleReport)
		k := d.make(t, p, access.RoleReport)
		together(6, func(i int) error {
			switch {
			case i == 0:
				_, err := producer.Pool.Exec(t.Context(), "SELECT sespan.key_owner_roles('7', '{}', 'left')")
				assert.NoError(t, err)
			case i < 3:
				_, _, _ = d.staff.Rotate(t.Context(), p, k.ID, 0)
			default:
				_, _, _ = d.staff.Create(t.Context(), p, access.KeyRequest{Role: access.RoleReport, Name: "x"})
			}
			return nil
		})
		assert.Empty(t, d.live(t, "7"))
		d.db.Exec(t, "DELETE FROM sespan.people_role")
	}
}

func TestPeopleAreCompared(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	producer := &pgtest.DB{Pool: d.db.Login(t, "", "sespan_producer").Pool}
	admin := d.make(t, person("1", access.RoleAdmin), access.RoleDashboard)
	report := d.make(t, person("2", access.RoleReport), access.RoleReport)
	gone := d.make(t, person("3", access.RoleReport), access.RoleReport)
	machine, _, err := d.staff.Admin.Create(t.Context(), access.RoleReport, "shop", 0)
	require.NoError(t, err)
	compare := func(people string) int {
		t.Helper()
		return mailValue[int](t, producer, "SELECT sespan.people_compare('"+people+"')")
	}
	producer.Exec(t, "SELECT sespan.key_owner_roles('1', '{admin}', NULL)")
	assert.Equal(t, 1, compare(`{"1": ["admin"], "2": ["report", "report", "root"]}`), "person 1 had been told of")
	assert.Equal(t, []string{admin.ID}, d.live(t, "1"))
	assert.Equal(t, []string{report.ID}, d.live(t, "2"))
	assert.NotContains(t, d.live(t, "3"), gone.ID, "nobody has its right")
	assert.Equal(t, 0, compare(`{"2": ["report"], "1": ["admin"]}`))
	assert.Equal(t, 2, compare(`{"2": ["dashboard"]}`))
	assert.Empty(t, d.live(t, "1"))
	assert.Empty(t, d.live(t, "2"))
	assert.Equal(t, 1, mailValue[int](t, d.db, "SELECT count(*) FROM sespan.api_key WHERE key_id = '"+machine.ID+"' AND revoked_at IS NULL"))
	assert.Equal(t, "1 [] <- [admin], 2 [report] <- [], 2 [dashboard] <- [report]", mailValue[string](t, d.db, `SELECT string_agg(format('%s [%s] <- [%s]', subject_id,
		array_to_string(ARRAY(SELECT jsonb_array_elements_text(after->'roles')), ','), array_to_string(ARRAY(SELECT jsonb_array_elements_text(before->'roles')), ',')), ', ' ORDER BY subject_id, audit_id)
		FROM sespan.audit WHERE action = 'found' AND subject = 'role'`))
	assert.Equal(t, "found by the comparison of people", mailValue[string](t, d.db, "SELECT min(detail) FROM sespan.audit WHERE action = 'revoke' AND subject = 'key'"))
	assert.Equal(t, 1, mailValue[int](t, producer, "SELECT count(*) FROM sespan.people_comparison WHERE compared_at > now() - interval '1 minute'"))
	for _, bad := range []string{`[]`, `null`, `"x"`, `{"1": "admin"}`, `{"1": [1]}`, `{"1": null}`, `{"": ["admin"]}`, `{"` + strings.Repeat("1", 201) + `": []}`} {
		_, err := producer.Pool.Exec(t.Context(), "SELECT sespan.people_compare($1)", bad)
		require.ErrorContains(t, err, "22023", bad)
	}
	_, err = producer.Pool.Exec(t.Context(), "SELECT sespan.people_compare(NULL)")
	require.ErrorContains(t, err, "22023")
}

// Whoever compares locks first: news that are told meanwhile are not overwritten by
// what was read before.
func TestPeopleComparisonWaitsForNews(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	tx, err := db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(t.Context(), "SELECT sespan.people_lock()")
	require.NoError(t, err)
	for _, call := range []string{"sespan.people_lock()", "sespan.key_owner_roles('1', '{}')", "sespan.people_compare('{}')", "sespan.people_lock_shared()"} {
		conn, err := db.Pool.Acquire(t.Context())
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "SET lock_timeout = '50ms'")
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "SELECT "+call)
		require.ErrorContains(t, err, "55P03", call)
		conn.Release()
	}
}
