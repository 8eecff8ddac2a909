package app

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/postgres"
)

// poolMetrics tell how busy the connections of this process are, by pool.
type poolMetrics struct {
	mu    sync.Mutex
	pools []namedPool

	connections, most, acquire *prometheus.Desc
}

type namedPool struct {
	name string
	pool *postgres.Pool
}

func newPoolMetrics(reg prometheus.Registerer) *poolMetrics {
	m := &poolMetrics{
		connections: prometheus.NewDesc("sespan_database_connections", "Connections of this process to the database.", []string{"pool", "state"}, nil),
		most:        prometheus.NewDesc("sespan_database_connections_max", "Most connections that the pool may have.", []string{"pool"}, nil),
		acquire: prometheus.NewDesc("sespan_database_acquire_seconds_total",
			"Time that all who got a connection of the pool have waited for it.", []string{"pool"}, nil),
	}
	reg.MustRegister(m)
	return m
}

func (m *poolMetrics) add(name string, pool *postgres.Pool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pools = append(m.pools, namedPool{name, pool})
}

// Describe implements prometheus.Collector.
func (m *poolMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.connections
	ch <- m.most
	ch <- m.acquire
}

// Collect implements prometheus.Collector.
func (m *poolMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pools {
		s := p.pool.Stat()
		ch <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(s.AcquiredConns()), p.name, "used")
		ch <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(s.IdleConns()), p.name, "idle")
		ch <- prometheus.MustNewConstMetric(m.most, prometheus.GaugeValue, float64(s.MaxConns()), p.name)
		ch <- prometheus.MustNewConstMetric(m.acquire, prometheus.CounterValue, s.AcquireDuration().Seconds(), p.name)
	}
}
