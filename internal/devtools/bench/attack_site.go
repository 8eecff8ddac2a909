package main

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"sespan/internal/devtools/testbed"
)

//go:embed attack_site.sql
var attackSiteSQL string

// site makes the site's own queries, one after the other with a short pause, and gives
// how long each took.
func (b *attackBench) site(ctx context.Context, over <-chan time.Time) ([]time.Duration, error) {
	var took []time.Duration
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-over:
			return took, nil
		case <-ctx.Done():
			return took, ctx.Err()
		case <-tick.C:
		}
		start := time.Now()
		var name string
		if err := b.Admin.QueryRow(ctx, attackSiteSQL, i%testbed.Customers+1).Scan(&name); err != nil {
			return took, err
		}
		took = append(took, time.Since(start))
	}
}

// ms gives a percentile in milliseconds.
func ms(took []time.Duration, percent int) float64 {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[(len(sorted)-1)*percent/100].Seconds() * 1000
}
