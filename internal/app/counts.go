package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/postgres"
)

const (
	foldEvery      = time.Minute
	countHours     = 25 // partitions made ahead: a day without maintenance fails nothing
	foldAfterError = 10 * time.Second
)

// counting folds what was counted, once a minute.
type counting struct {
	counts *postgres.Counts
	zone   string
	zoned  bool // the database knows the zone; told once, so that two settings do not fight

	folded   prometheus.Gauge
	fresh    prometheus.Gauge
	failures prometheus.Counter
}

func newCounting(counts *postgres.Counts, zone string, reg prometheus.Registerer) *counting {
	c := &counting{
		counts: counts, zone: zone,
		folded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_stats_folded_timestamp_seconds", Help: "When counts were last summed up, by any process.",
		}),
		fresh: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_stats_fresh_rows", Help: "Rows of counts that were not summed by the last fold: a transaction is open since they were written.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sespan_stats_fold_failures_total", Help: "Folds, or what belongs to them, that failed and are tried again.",
		}),
	}
	reg.MustRegister(c.folded, c.fresh, c.failures)
	return c
}

// tasks are done in this order.
func (c *counting) tasks() []task {
	return []task{
		{"time zone of the counts", c.setZone},
		{"counts", c.fold},
		{"hours of counts", func(ctx context.Context) error { return c.counts.PartitionEnsure(ctx, countHours) }},
		{"old hours of counts", c.counts.Retire},
	}
}

func (c *counting) setZone(ctx context.Context) error {
	if c.zoned {
		return nil
	}
	err := c.counts.SetTimeZone(ctx, c.zone)
	c.zoned = err == nil
	return err
}

func (c *counting) fold(ctx context.Context) error {
	done, err := c.counts.Fold(ctx)
	if err != nil {
		return err
	}
	c.folded.Set(float64(done.At.UnixMilli()) / 1000)
	if done.Ran {
		c.fresh.Set(float64(done.Fresh))
	}
	return nil
}

// startCounting does not let other maintenance make it wait.
func (a *App) startCounting() {
	c := newCounting(postgres.NewCounts(a.pool), a.cfg.TimeZone, a.registry)
	a.lifecycle.start("counts", func(ctx context.Context) error {
		a.repeat(ctx, c.tasks(), foldEvery, foldAfterError, c.failures.Inc)
		return nil
	})
}
