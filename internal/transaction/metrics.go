package transaction

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct{ transactions *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_transactions_total", Help: "Orders drawn for the first time, by tier (none: no tier matched).",
	}, []string{"tier", "discounted"})}
	reg.MustRegister(m.transactions)
	return m
}

func (m *metrics) count(r Result) {
	tier := "none"
	if r.TierID != nil {
		tier = strconv.FormatInt(*r.TierID, 10)
	}
	m.transactions.WithLabelValues(tier, strconv.FormatBool(r.Discounted)).Inc()
}
