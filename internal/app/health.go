package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/postgres"
)

const (
	healthEvery   = 15 * time.Second
	healthTimeout = 5 * time.Second // of one look at one part
	healthKept    = time.Minute     // that the last good look at a part is shown; then nothing old is taken for new
	healthWait    = time.Second     // of a scrape that comes before the first look has ended

	healthConnections = 1
	healthShare       = 50 // a look is not repeated before so many times of what it took: 2 % of a core at most
)

// The parts of a look: each is one statement, and fails for itself.
const (
	healthServer     = "server"
	healthSchema     = "schema"
	healthBinding    = "binding"
	healthState      = "state"
	healthPartitions = "partitions"
	healthCounts     = "counts"
	healthTiers      = "tiers"
)

func healthParts() []string {
	return []string{healthServer, healthSchema, healthBinding, healthState, healthPartitions, healthCounts, healthTiers}
}

// sample is a value of a gauge.
type sample struct {
	name   string // without the prefix sespan_
	labels []string
	value  float64
}

// health looks at the database in the background, over a connection of its own, and keeps
// what it saw for whoever scrapes: a scrape never asks the database.
type health struct {
	store  *postgres.Health
	clock  func() time.Time
	probes map[string]func(context.Context) ([]sample, error)
	logger *slog.Logger

	descs    map[string]*prometheus.Desc
	up       *prometheus.Desc
	failures *prometheus.CounterVec
	first    chan struct{} // closed when the first look has ended
	once     sync.Once

	failing map[string]bool // parts whose last look failed, of the looking goroutine alone

	mu   sync.Mutex
	live bool
	seen map[string]seen
}

// seen is the last good look at a part.
type seen struct {
	at      time.Time
	took    time.Duration
	samples []sample
}

// rests says that the last good look is new enough for what it cost: the counts of ten years take longer than all else.
func (s seen) rests(now time.Time) bool {
	return now.Sub(s.at) < min(healthShare*s.took, healthKept-healthEvery)
}

// look asks each part, and the rest only where the server answers at all.
func (h *health) look(ctx context.Context) error {
	defer h.once.Do(func() { close(h.first) })
	for _, part := range healthParts() {
		began := h.clock()
		if part != healthServer && h.seen[part].rests(began) {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, healthTimeout)
		samples, err := h.probes[part](bounded)
		cancel()
		h.keep(ctx, part, seen{began, h.clock().Sub(began), samples}, err)
		if err != nil && part == healthServer {
			return err
		}
	}
	return nil
}

func (h *health) keep(ctx context.Context, part string, good seen, err error) {
	h.mu.Lock()
	if part == healthServer {
		h.live = err == nil
	}
	if err == nil {
		h.seen[part] = good
	}
	h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		h.failures.WithLabelValues(part).Inc()
	}
	h.tell(ctx, part, err)
}

// tell writes what changes: that a part cannot be looked at, and that it can again.
func (h *health) tell(ctx context.Context, part string, err error) {
	switch before := h.failing[part]; {
	case err != nil && !before:
		h.logger.WarnContext(ctx, "health: the database cannot be looked at; its metrics are kept for a minute", "part", part, "error", cause(err))
	case err == nil && before:
		h.logger.InfoContext(ctx, "health: the database can be looked at again", "part", part)
	}
	h.failing[part] = err != nil
}

// cause is what the database said, beside what a caller may know.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// Describe implements prometheus.Collector.
func (h *health) Describe(ch chan<- *prometheus.Desc) {
	ch <- h.up
	for _, d := range h.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (h *health) Collect(ch chan<- prometheus.Metric) {
	select {
	case <-h.first:
	case <-time.After(healthWait):
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	up := 0.0
	if h.live {
		up = 1
	}
	ch <- prometheus.MustNewConstMetric(h.up, prometheus.GaugeValue, up)
	for _, s := range h.seen {
		if h.clock().Sub(s.at) > healthKept {
			continue
		}
		for _, v := range s.samples {
			ch <- prometheus.MustNewConstMetric(h.descs[v.name], prometheus.GaugeValue, v.value, v.labels...)
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func plain(name string, v float64) sample { return sample{name: name, value: v} }

func newDescs() map[string]*prometheus.Desc {
	descs := map[string]*prometheus.Desc{}
	for _, d := range [][3]string{
		{"database_read_only", "", "1 while the database takes no writes: a standby, or read-only by default."},
		{"database_clock_skew_seconds", "", "The database's clock minus this process's."},
		{"database_server_connections", "", "Connections to the server, of all its databases and clients."},
		{"database_server_connections_max", "", "Most connections that the server has for those who are no superusers."},
		{"schema_version", "", "Version of the schema; 0 where there is none."},
		{"schema_version_wanted", "", "Version of the schema that this program was made for."},
		{"binding_ok", "", "1 while the site's customers can be read and written, 0 otherwise: /readyz says why."},
		{"counting_enabled", "", "1 while every trigger that counts is there and on."},
		{"mail_workers", "", "Mail workers of all processes that gave a sign of life within a minute."},
		{"draw_epoch_days_ahead", "", "Days after today (UTC) whose seed of draws is made, without a gap; -1 where today's is missing."},
		{"people_comparison_timestamp_seconds", "", "When people's keys were last compared with the site's groups; 0 for never, absent where no key belongs to a person."},
		{"partition_days_ahead", "table", "Days after today (UTC) that have their partition, without a gap; -1 where today's is missing."},
		{"partition_hours_ahead", "table", "Hours after this one (UTC) that have their partition, without a gap; -1 where this one's is missing."},
		{"partition_default_rows", "table", "Rows in the default partition, that no other one took; 10000 stand for more."},
		{"stats_api_calls", "request_type outcome", "API calls since ever, from the database."},
		{"stats_codes", "purpose event", "Events of one-time codes since ever, from the database."},
		{"stats_draws", "tier", "Draws since ever, from the database."},
		{"stats_wins", "tier", "Draws that got a discount since ever, from the database."},
		{"stats_promised_wins", "tier", "Wins that were to be expected of all draws since ever: the sum of their probabilities, from the database."},
		{"stats_capped_wins", "tier", "Draws that a limit turned away since ever, from the database."},
		{"stats_cancellations", "tier", "Cancelled transactions since ever, from the database."},
		{"stats_amount", "tier", "Money of all orders drawn since ever, cancelled ones included, from the database."},
		{"stats_discount", "tier", "Money that winners saved since ever, cancelled ones included, from the database."},
		{"stats_mails", "event", "Outcomes of mails since ever, from the database."},
		{"tier_probability", "tier", "Promised probability of the tiers that are active now."},
		{"tier_budget_uses_ratio", "tier", "Used share of an active tier's budget of winners; absent without one."},
		{"tier_budget_amount_ratio", "tier", "Used share of an active tier's budget of money; absent without one."},
	} {
		descs[d[0]] = prometheus.NewDesc("sespan_"+d[0], d[2], strings.Fields(d[1]), nil)
	}
	return descs
}
