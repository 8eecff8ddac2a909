package postgres_test

import (
	"slices"
	"testing"
	"time"

	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

// BenchmarkDrawIndexes draws in batches of sixteen with and without the indexes that lists
// and exports read by, alternating, and gives the ratio of the medians.
//
//	go test -run '^$' -bench DrawIndexes -benchtime 1x ./internal/postgres
func BenchmarkDrawIndexes(b *testing.B) {
	with, without := newShop(b), newShop(b)
	for _, s := range []*shop{with, without} {
		s.tier(b, "0.5", "0.5", nil)
		s.fillRecords(b, 100_000)
		s.exec(b, `VACUUM ANALYZE sespan.transaction_log`)
	}
	without.exec(b, `DROP INDEX sespan.transaction_log_customer_id_idx, sespan.transaction_log_tier_id_idx, sespan.transaction_log_time_idx,
		sespan.transaction_log_cancelled_idx, sespan.transaction_log_cancelled_at_idx`)
	without.exec(b, `CREATE INDEX transaction_log_limits_idx ON sespan.transaction_log (tier_id, customer_id, draw_epoch)`) // what the limits need
	compareDraws(b, with, without)
}

// BenchmarkDrawInheritance compares draws with those of a function that neither looks for
// cancelled draws nor announces itself.
func BenchmarkDrawInheritance(b *testing.B) {
	with, without := newShop(b), newShop(b)
	for _, s := range []*shop{with, without} {
		s.tier(b, "0.5", "0.5", nil)
		s.fillRecords(b, 100_000)
		s.exec(b, `VACUUM ANALYZE sespan.transaction_log`)
	}
	without.exec(b, `DO $$ BEGIN EXECUTE replace(replace(pg_get_functiondef('sespan.transaction_draw'::regproc), 'PERFORM sespan.transaction_announce();', ''),
		'IF EXISTS (SELECT FROM sespan.transaction_log', 'IF false AND EXISTS (SELECT FROM sespan.transaction_log'); END $$`)
	compareDraws(b, with, without)
}

// compareDraws alternates and gives the ratio of the medians.
func compareDraws(b *testing.B, with, without *shop) {
	b.Helper()
	const batches = 150
	order := 0
	run := func(s *shop) float64 {
		began := time.Now()
		for range batches {
			draws := make([]transaction.Draw, 16)
			for i := range draws {
				order++
				draws[i] = one(int64(order%100+1), "bench-"+ref(order), "10", uint64(order)<<40)
			}
			s.draw(b, draws...)
		}
		return 16 * batches / time.Since(began).Seconds()
	}
	run(with)
	run(without)
	for b.Loop() {
		var a, c []float64
		for range 15 {
			a, c = append(a, run(with)), append(c, run(without))
		}
		slices.Sort(a)
		slices.Sort(c)
		b.ReportMetric(a[len(a)/2], "draws/s")
		b.ReportMetric(a[len(a)/2]/c[len(c)/2], "with/without")
	}
}

// BenchmarkRecordPage reads pages of fifty at the end of the list, deep in it and of a rare tier.
func BenchmarkRecordPage(b *testing.B) {
	s := newShop(b)
	s.fillRecords(b, 300_000)
	s.exec(b, `VACUUM ANALYZE sespan.transaction_log`)
	records := transaction.NewRecords(postgres.NewRecords(openPool(b, s.URL, 2)))
	tier, customer := int64(3), int64(1)
	deep := &transaction.Position{Time: time.Now().Add(-250_000 * time.Minute), ID: 1}
	for name, c := range map[string]struct {
		filter transaction.Filter
		before *transaction.Position
	}{
		"first": {}, "deep": {before: deep}, "rare tier": {filter: transaction.Filter{TierID: &tier}}, "customer": {filter: transaction.Filter{CustomerID: &customer}, before: deep},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := records.Find(b.Context(), c.filter, c.before, 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
