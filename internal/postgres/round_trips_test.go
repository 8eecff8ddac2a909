package postgres_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"sespan/internal/apilog"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/problem"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// A code is issued, refused or verified in two round trips with the database, and so
// is a batch of draws with its log rows.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	keys := secret.Generate("k1")
	d := newOTPFixture(t, otpOptions{keys: keys})
	way := newProxy(t, d.login.URL)
	pool := openPool(t, way.url, 1)
	d.store = postgres.NewOTPStore(pool)
	d.start(t, otpOptions{keys: keys})
	s := &shop{DB: d.db, ring: d.ring}
	s.store, s.tiers = newStores(openPool(t, d.db.URL, 1))
	s.tier(t, "1", "0.5", nil)
	if _, err := s.epochs().Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.store, _ = newStores(pool)

	least := map[string]int64{}
	count := func(what string, do func()) {
		before := way.trips.Load()
		do()
		if n := way.trips.Load() - before; least[what] == 0 || n < least[what] { // the first ones prepare their statements, and an idle connection is pinged
			least[what] = n
		}
	}
	for i := range 4 {
		id := pgtest.AddRegistering(t, d.db, ref(i)+"@example.com")
		var challenge uuid.UUID
		count("issue", func() { challenge = d.register(t, id).ChallengeID })
		code := d.code(t)
		count("refuse", func() { refused(t, d.verify(t, challenge, wrong(code)), problem.OTPIncorrect) })
		count("verify", func() {
			if err := d.verify(t, challenge, code); err != nil {
				t.Error(err)
			}
		})
		count("draw", func() {
			err := s.store.Draw(t.Context(), s.batch(one(id, "A", "10", math.MaxUint64), one(id, "B", "10", 0)), logDraws)
			if err != nil {
				t.Error(err)
			}
		})
	}
	for what, n := range least {
		if n != 2 {
			t.Errorf("%s takes %d round trips", what, n)
		}
	}
	if n := s.text(t, "SELECT count(*) FROM sespan.api_log"); n != "8" {
		t.Errorf("%s draws are logged", n)
	}
}

// logDraws is the log row of each draw.
func logDraws(results []transaction.Result) []apilog.Entry {
	entries := make([]apilog.Entry, len(results))
	for i, r := range results {
		entries[i] = apilog.Entry{
			ResponseID: uuid.New(), Type: apilog.Transaction, Outcome: apilog.Success, Status: 201,
			Requested: time.Now(), Responded: time.Now(), CustomerID: &r.CustomerID,
		}
	}
	return entries
}
