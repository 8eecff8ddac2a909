package app

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/postgres"
)

const (
	budgetEvery      = 30 * time.Second
	budgetAfterError = 10 * time.Second
)

// siteBudget watches the mails that strangers cause in a day. Every process exports
// the same figures.
type siteBudget struct {
	budgets *postgres.Budgets
	mails   prometheus.Gauge
	ceiling prometheus.Gauge
}

func newSiteBudget(budgets *postgres.Budgets, reg prometheus.Registerer) *siteBudget {
	s := &siteBudget{
		budgets: budgets,
		mails: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_budget_site_mails", Help: "Mails that visitors of the site have caused today (UTC): codes, notices and password resets.",
		}),
		ceiling: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_budget_site_ceiling", Help: "How many mails visitors may cause in a day; +Inf for any number.",
		}),
	}
	reg.MustRegister(s.mails, s.ceiling)
	return s
}

func (s *siteBudget) look(ctx context.Context) error {
	used, most, err := s.budgets.Site(ctx)
	if err != nil {
		return err
	}
	ceiling := float64(most)
	if most < 0 {
		ceiling = math.Inf(1)
	}
	s.mails.Set(float64(used))
	s.ceiling.Set(ceiling)
	return nil
}

func (a *App) startSiteBudget() {
	s := newSiteBudget(postgres.NewBudgets(a.pool), a.registry)
	a.lifecycle.start("budget of the site", func(ctx context.Context) error {
		a.repeat(ctx, []task{{"budget of the site", s.look}}, budgetEvery, budgetAfterError, func() {})
		return nil
	})
}
