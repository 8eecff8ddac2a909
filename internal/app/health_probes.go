package app

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/apilog"
	"sespan/internal/otp"
	"sespan/internal/postgres"
)

// startHealth begins to look at the database.
func (a *App) startHealth(ctx context.Context) error {
	pool, err := a.openPool(ctx, "health", postgres.Options{
		ApplicationName: "sespan health", MaxConns: healthConnections, StatementTimeout: healthTimeout,
	})
	if err != nil {
		return err
	}
	h := a.newHealth(pool)
	a.registry.MustRegister(h, h.failures)
	a.lifecycle.start("health", func(ctx context.Context) error {
		a.repeat(ctx, []task{{"health", func(ctx context.Context) error { _ = h.look(ctx); return nil }}}, a.healthEvery, a.healthEvery, func() {})
		return nil
	})
	return nil
}

func (a *App) newHealth(pool *postgres.Pool) *health {
	h := &health{
		store: postgres.NewHealth(pool), clock: time.Now, descs: newDescs(), first: make(chan struct{}), seen: map[string]seen{},
		up: prometheus.NewDesc("sespan_database_up", "1 while the database answers this process, as it was looked at last.", nil, nil),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_health_failures_total", Help: "Looks at the database that failed, by what was looked at; the log says why.",
		}, []string{"part"}),
		logger: a.logger, failing: map[string]bool{},
	}
	for _, part := range healthParts() {
		h.failures.WithLabelValues(part)
	}
	h.probes = map[string]func(context.Context) ([]sample, error){
		healthServer: h.server, healthState: h.state, healthPartitions: h.partitions, healthCounts: h.counts, healthTiers: h.tiers,
		healthSchema: func(ctx context.Context) ([]sample, error) {
			version, wanted, err := pool.SchemaVersion(ctx)
			return []sample{plain("schema_version", float64(version)), plain("schema_version_wanted", float64(wanted))}, err
		},
		healthBinding: func(ctx context.Context) ([]sample, error) {
			state, err := pool.BindingState(ctx)
			return []sample{plain("binding_ok", boolean(state.OK()))}, err
		},
	}
	return h
}

func (h *health) server(ctx context.Context) ([]sample, error) {
	s, err := h.store.Server(ctx, h.clock)
	return []sample{
		plain("database_read_only", boolean(s.ReadOnly)), plain("database_clock_skew_seconds", s.ClockSkew.Seconds()),
		plain("database_server_connections", float64(s.Connections)), plain("database_server_connections_max", float64(s.MaxConnections)),
	}, err
}

func (h *health) state(ctx context.Context) ([]sample, error) {
	s, err := h.store.Schema(ctx)
	samples := []sample{plain("counting_enabled", boolean(s.Counting)), plain("mail_workers", float64(s.MailWorkers)), plain("draw_epoch_days_ahead", float64(s.EpochsAhead))}
	if s.Compared >= 0 {
		samples = append(samples, plain("people_comparison_timestamp_seconds", s.Compared))
	}
	return samples, err
}

func (h *health) partitions(ctx context.Context) ([]sample, error) {
	tables, err := h.store.Partitions(ctx)
	var samples []sample
	for _, t := range tables {
		name := "partition_days_ahead"
		if t.Hours {
			name = "partition_hours_ahead"
		}
		samples = append(samples, sample{name, []string{t.Table}, float64(t.Ahead)},
			sample{"partition_default_rows", []string{t.Table}, float64(t.DefaultRows)})
	}
	return samples, err
}

// counts are shown from the start, as zeros, for all labels of closed lists.
func (h *health) counts(ctx context.Context) ([]sample, error) {
	counts, err := h.store.Counts(ctx)
	samples := map[[3]string]sample{}
	put := func(name, label, event string, v float64) {
		var labels []string
		for _, l := range []string{label, event} {
			if l != "" {
				labels = append(labels, l)
			}
		}
		samples[[3]string{name, label, event}] = sample{"stats_" + name, labels, v}
	}
	for _, kind := range apilog.RequestTypes() {
		put("api_calls", string(kind), string(apilog.Success), 0)
		put("api_calls", string(kind), string(apilog.Failure), 0)
	}
	for _, purpose := range otp.Purposes() {
		for _, event := range countedCodes() {
			put("codes", string(purpose), event, 0)
		}
	}
	for _, outcome := range countedMails() {
		put("mails", "", outcome, 0)
	}
	for _, name := range countedByTier() {
		put(name, "none", "", 0)
	}
	for _, c := range counts {
		put(c.Name, c.Label, c.Event, c.Value)
	}
	list := make([]sample, 0, len(samples))
	for _, s := range samples {
		list = append(list, s)
	}
	return list, err
}

func (h *health) tiers(ctx context.Context) ([]sample, error) {
	tiers, err := h.store.Tiers(ctx)
	var samples []sample
	for _, t := range tiers {
		if !t.Active {
			continue
		}
		label := []string{strconv.FormatInt(t.ID, 10)}
		samples = append(samples, sample{"tier_probability", label, t.Probability})
		if t.UsesRatio >= 0 {
			samples = append(samples, sample{"tier_budget_uses_ratio", label, t.UsesRatio})
		}
		if t.AmountRatio >= 0 {
			samples = append(samples, sample{"tier_budget_amount_ratio", label, t.AmountRatio})
		}
	}
	return samples, err
}

// The closed lists of what is counted in the database.
func countedCodes() []string {
	return []string{"issued", "resent", "verified", "failed", "locked", "expired"}
}

func countedMails() []string {
	return []string{"sent", "dead", "expired", "suppressed", "cancelled", "retried"}
}

func countedByTier() []string {
	return []string{"draws", "wins", "capped_wins", "promised_wins", "cancellations", "amount", "discount"}
}
