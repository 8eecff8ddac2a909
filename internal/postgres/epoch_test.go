package postgres_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/apilog"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

func TestEpochsAreMadeOnceByManyProcesses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.epochs().Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := s.text(t, `SELECT count(*) || ' ' || (min(draw_epoch) = (now() AT TIME ZONE 'UTC')::date) || ' ' || (max(draw_epoch) - min(draw_epoch)) FROM sespan.draw_epoch`)
	if got != "8 true 7" {
		t.Errorf("epochs: %s", got)
	}
	if n, err := s.epochs().Ensure(t.Context()); n != 0 || err != nil {
		t.Errorf("nothing was missing, made %d: %v", n, err)
	}
}

func TestUnrevealedSeedsStayHidden(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var kept bytes.Buffer
	epochs := transaction.NewEpochs(s.store, s.ring, teeReader{&kept})
	if _, err := epochs.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	seed := kept.Bytes()[:32]
	if got := s.text(t, `SELECT bool_or(position($1::bytea IN sealed_seed) > 0 OR seed_hash = $1 OR seed IS NOT NULL) FROM sespan.draw_epoch`, seed); got != "false" {
		t.Error("a seed stands in clear in the table")
	}
	if got := s.text(t, `SELECT seed_hash = sha256($1::bytea) FROM sespan.draw_epoch ORDER BY draw_epoch LIMIT 1`, seed); got != "true" {
		t.Error("the published hash is not the seed's")
	}
	for _, role := range []string{"sespan_reader", "sespan_reader_detail", "sespan_admin", "sespan_producer"} {
		_, err := s.Pool.Exec(t.Context(), `BEGIN; SET LOCAL ROLE `+role+`; SELECT sealed_seed FROM sespan.draw_epoch; COMMIT`)
		if pe, ok := errors.AsType[*pgconn.PgError](err); !ok || pe.Code != "42501" {
			t.Errorf("%s reads the sealed seeds: %v", role, err)
		}
	}
	s.exec(t, `BEGIN; SET LOCAL ROLE sespan_reader; SELECT draw_epoch, seed_hash FROM sespan.draw_epoch; COMMIT`)
}

// teeReader is crypto/rand that remembers.
type teeReader struct{ kept *bytes.Buffer }

func (r teeReader) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	r.kept.Write(p[:n])
	return n, err
}

// The service's role is enough for everything that draws and tiers do.
func TestServiceRoleIsEnough(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	login := "login_" + s.Name
	s.exec(t, `CREATE ROLE `+login+` LOGIN PASSWORD 'x' IN ROLE sespan_service`)
	t.Cleanup(func() { s.exec(t, `DROP OWNED BY `+login+`; DROP ROLE `+login) })
	s.exec(t, `GRANT SELECT (id, username, email, phone_number, is_active, date_joined, updated_at) ON public.auth_user TO sespan_service`)
	pool := openPool(t, s.URLFor(t, login, "x"), 2)
	asService := *s
	asService.store, asService.tiers = newStores(pool)
	n, each := int64(5), int32(1)
	id := asService.tier(t, "1", "0.5", func(x *transaction.Tier) { x.BudgetUses, x.PerCustomerUses = &n, &each })
	if _, err := asService.epochs().Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	var entries []apilog.Entry
	err := asService.store.Draw(t.Context(), s.batch(one(1, "A", "10", 0)), func(r []transaction.Result) []apilog.Entry {
		if len(r) != 1 || !r[0].Discounted {
			t.Errorf("results %+v", r)
		}
		return entries
	})
	if err != nil {
		t.Fatal(err)
	}
	asService.tierAs(t, id, "0.5")
	if _, err := asService.tiers.TierReplace(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE sespan.transaction_log SET discounted = true`); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the service may change draws: %v", err)
	}
}

// Real numbers against a probability, through the database: the share of wins
// stays within five standard deviations.
func TestShareOfWinsIsTheProbability(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const p, draws, batch = 0.3, 20_000, 500
	s.tier(t, "0.3", "0.1", nil)
	wins := 0
	b := s.batch()
	if _, err := rand.Read(b.Epoch.Seed[:]); err != nil {
		t.Fatal(err)
	}
	for i := range draws {
		d := one(int64(i%100+1), ref(i), "10", 0)
		d.Number = b.Epoch.Number(d.Order)
		if b.Draws = append(b.Draws, d); len(b.Draws) < batch {
			continue
		}
		results, err := s.tryDraw(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Discounted {
				wins++
			}
		}
		b.Draws = b.Draws[:0]
	}
	if z := (float64(wins) - draws*p) / math.Sqrt(draws*p*(1-p)); math.Abs(z) > 5 {
		t.Errorf("%d wins of %d: %.1f standard deviations off", wins, draws, z)
	}
}

func TestOtherKeysCannotOpenTodaysSeed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if err := s.epochs().Check(t.Context()); err != nil {
		t.Errorf("before the first seed: %v", err)
	}
	if _, err := s.epochs().Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.epochs().Check(t.Context()); err != nil {
		t.Errorf("with the key that sealed it: %v", err)
	}
	other, err := secret.Parse(secret.Generate("a"))
	if err != nil {
		t.Fatal(err)
	}
	err = transaction.NewEpochs(s.store, other, rand.Reader).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "SESPAN_SECRET_KEYS") {
		t.Errorf("with another key of the same id: %v, want the variable to correct", err)
	}
}
