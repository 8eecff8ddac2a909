package postgres_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
	"sespan/internal/stats"
)

// counted is what the test appended.
type counted struct {
	at   time.Time
	tier int64
	n    int64
}

type countSite struct {
	*pgtest.DB
	store *postgres.Stats
	all   []counted
}

func newCountSite(t *testing.T) *countSite {
	t.Helper()
	db := pgtest.NewDB(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.ServiceURL(t)})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &countSite{DB: db, store: postgres.NewStats(pool)}
}

// add appends counts at random quarters of the days around a change of the clock.
func (s *countSite) add(t *testing.T, random *rand.Rand, rows int) {
	t.Helper()
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for range rows {
		c := counted{from.Add(time.Duration(random.IntN(60*96)) * 15 * time.Minute), random.Int64N(3), 1 + random.Int64N(9)}
		s.Exec(t, `INSERT INTO sespan.stats_transaction (bucket, tier_id, draws, wins, threshold, amount, discount, cancelled, cancelled_wins, cancelled_amount, cancelled_discount)
			VALUES ($1, nullif($2::bigint, 0), $3::bigint, 0, $3::bigint * 4611686018427387904::numeric, $3::bigint * 1.25, 0, 0, 0, 0, 0)`, c.at, c.tier, c.n)
		s.all = append(s.all, c)
	}
}

func (s *countSite) sum(from, to time.Time, tier int64) (n int64) {
	for _, c := range s.all {
		if c.tier == tier && !c.at.Before(from) && c.at.Before(to) {
			n += c.n
		}
	}
	return n
}

// Whatever the zone, the step and the bounds, whatever is folded, and whichever zone the
// days are of: each count is in one bucket, and in the sums.
func TestStatsSumEveryCountOnce(t *testing.T) {
	t.Parallel()
	s := newCountSite(t)
	random := rand.New(rand.NewPCG(5, 6))
	s.add(t, random, 150)
	s.Exec(t, `SELECT sespan.stats_fold()`)
	s.add(t, random, 50)
	now := time.Date(2026, 4, 15, 12, 0, 0, 0, time.UTC)
	for _, stored := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu"} {
		s.setZone(t, stored)
		for _, zone := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "Africa/Cairo"} {
			location, err := time.LoadLocation(zone)
			require.NoError(t, err)
			for _, step := range stats.Steps() {
				whole := stats.Want{Step: step, From: stats.Calendar{Zone: location}.StartOfDay(time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)), To: stats.Calendar{Zone: location}.StartOfDay(now)}
				odd := stats.Want{Step: step, From: now.Add(-time.Duration(1+random.IntN(3000)) * 15 * time.Minute), To: now}
				for _, want := range []stats.Want{whole, odd} {
					r, err := stats.Calendar{Zone: location}.Range(want, now)
					require.NoError(t, err)
					s.check(t, r, stored)
				}
			}
		}
	}
}

func (s *countSite) setZone(t *testing.T, zone string) {
	t.Helper()
	for range 100 {
		s.Exec(t, `SELECT sespan.stats_set_time_zone($1)`, zone)
		s.Exec(t, `SELECT sespan.stats_sum_days()`)
		var have string
		require.NoError(t, s.Pool.QueryRow(t.Context(), `SELECT time_zone FROM sespan.stats_horizon`).Scan(&have))
		if have == zone {
			return
		}
	}
	t.Fatalf("the days never became those of %s", zone)
}

func (s *countSite) check(t *testing.T, r stats.Range, stored string) {
	t.Helper()
	sums, _, err := s.store.TransactionSums(t.Context(), r, nil)
	require.NoError(t, err)
	one, _, err := s.store.TransactionSums(t.Context(), r, new(int64(1)))
	require.NoError(t, err)
	name := func() string {
		return r.Calendar.Zone.String() + " " + string(r.Step) + ", days of " + stored + ", from " + r.From.String()
	}
	for i, start := range r.Starts {
		from, to := start, r.To
		if i+1 < len(r.Starts) {
			to = r.Starts[i+1]
		}
		if from.Before(r.From) {
			from = r.From
		}
		all := s.sum(from, to, 0) + s.sum(from, to, 1) + s.sum(from, to, 2)
		require.Equal(t, all, sums.Buckets[i].Draws, "%s, bucket %d at %s", name(), i, start)
		require.Equal(t, s.sum(from, to, 1), one.Buckets[i].Draws, "%s, bucket %d at %s, tier 1", name(), i, start)
	}
	for tier := range int64(3) {
		never := time.Unix(0, 0)
		ever := time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
		for window, want := range map[stats.Window]int64{
			stats.WindowRange: s.sum(r.From, r.To, tier), stats.WindowPrevious: s.sum(r.Previous, r.From, tier),
			stats.WindowBefore: s.sum(never, r.From, tier), stats.WindowEver: s.sum(never, ever, tier),
		} {
			got := sums.Windows[window][tier]
			require.Equal(t, want, got.Draws, "%s, window %d, tier %d", name(), window, tier)
			assert.True(t, got.Amount.Equal(decimal.RequireFromString("1.25").Mul(decimal.NewFromInt(want))), name())
			assert.True(t, got.Promised.Equal(decimal.RequireFromString("0.25").Mul(decimal.NewFromInt(want))), name())
		}
	}
}

// All statements of a call read one snapshot, so their sums agree while others write.
func TestStatsOfOneCallAgree(t *testing.T) {
	t.Parallel()
	s := newCountSite(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			s.Pool.Exec(ctx, `INSERT INTO sespan.stats_mail (bucket, outcome, mails) VALUES ('2026-03-02', 'sent', 1)`)
			s.Pool.Exec(ctx, `SELECT sespan.stats_fold()`)
		}
	}()
	defer func() { stop(); <-done }()
	c := stats.Calendar{Zone: time.UTC}
	r, err := c.Range(stats.Want{From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)}, time.Now())
	require.NoError(t, err)
	var last int64
	for range 200 {
		sums, err := s.store.MailSums(t.Context(), r)
		require.NoError(t, err)
		got := sums.Buckets[1].Sent
		assert.Equal(t, got, sums.Windows[stats.WindowRange]["sent"])
		assert.Equal(t, got, sums.Windows[stats.WindowEver]["sent"])
		assert.GreaterOrEqual(t, got, last)
		last = got
	}
	assert.Positive(t, last)
}
