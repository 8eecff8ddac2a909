package postgres

import (
	"context"
	"time"

	"github.com/jackc/tern/v2/migrate"

	sespansql "sespan/sql"
)

// Health is what a process sees of its database now and then. Each method is one
// statement, so that what fails of it takes nothing else away.
type Health struct{ pool *Pool }

// NewHealth makes it on a pool, which should be its own: requests that wait for
// connections are then seen, and not waited for.
func NewHealth(p *Pool) *Health { return &Health{p} }

// ServerHealth is that of the whole server.
type ServerHealth struct {
	ClockSkew      time.Duration // the server's clock minus this process's
	ReadOnly       bool          // a standby, or transactions are read-only by default
	Connections    int64         // to all databases
	MaxConnections int64         // for all who are no superusers
}

// Server asks the server itself, and nothing of ours.
func (h *Health) Server(ctx context.Context, clock func() time.Time) (ServerHealth, error) {
	conn, err := h.pool.Acquire(ctx) // connecting is not to count as a part of the answer's way
	if err != nil {
		return ServerHealth{}, mapError(err)
	}
	defer conn.Release()
	asked := clock()
	row, err := h.pool.queries.HealthServer(ctx, conn)
	if err != nil {
		return ServerHealth{}, mapError(err)
	}
	return ServerHealth{
		ClockSkew: row.Now.Sub(asked.Add(clock().Sub(asked) / 2)), ReadOnly: row.ReadOnly,
		Connections: row.Connections, MaxConnections: row.MaxConnections,
	}, nil
}

// SchemaHealth is what our schema is like.
type SchemaHealth struct {
	Counting    bool // every trigger that counts is there and on
	MailWorkers int64
	EpochsAhead int64   // epochs of draws after today's, without a gap; -1: today's is missing
	Compared    float64 // people with their rights, in seconds; 0: never; -1: no key belongs to a person
}

// Schema asks ours.
func (h *Health) Schema(ctx context.Context) (SchemaHealth, error) {
	row, err := h.pool.queries.HealthSchema(ctx, h.pool)
	return SchemaHealth{Counting: row.Counting, MailWorkers: row.MailWorkers, EpochsAhead: row.EpochsAhead, Compared: row.Compared}, mapError(err)
}

// SchemaVersion gives the version of the schema, 0 without one, and that of this program.
func (p *Pool) SchemaVersion(ctx context.Context) (version, wanted int, err error) {
	names, err := migrate.FindMigrations(sespansql.Migrations())
	if err != nil {
		return 0, 0, err
	}
	version, err = schemaVersion(ctx, p.queries, p.Pool)
	return version, len(names), mapError(err)
}

// PartitionHealth is that of one partitioned table.
type PartitionHealth struct {
	Table       string
	Hours       bool  // its partitions are hours, not days
	Ahead       int64 // partitions after the present one, without a gap; -1: that one is missing
	DefaultRows int64 // that no partition took; 10000 stand for more
}

// Partitions looks at all partitioned tables.
func (h *Health) Partitions(ctx context.Context) ([]PartitionHealth, error) {
	rows, err := h.pool.queries.HealthPartitions(ctx, h.pool)
	if err != nil {
		return nil, mapError(err)
	}
	all := make([]PartitionHealth, len(rows))
	for i, r := range rows {
		all[i] = PartitionHealth{Table: r.Parent, Hours: r.Unit == "hour", Ahead: r.Ahead, DefaultRows: r.DefaultRows}
	}
	return all, nil
}

// Count is a number since ever: api_calls (by request type and outcome), codes (by purpose
// and event), mails (by event), or one by tier, whose label is the tier's id or none.
type Count struct {
	Name, Label, Event string
	Value              float64
}

// Counts sums all that was ever counted.
func (h *Health) Counts(ctx context.Context) ([]Count, error) {
	rows, err := h.pool.queries.HealthCounts(ctx, h.pool)
	if err != nil {
		return nil, mapError(err)
	}
	all := make([]Count, len(rows))
	for i, r := range rows {
		all[i] = Count{Name: r.Count, Label: r.Label, Event: r.Event, Value: r.Value}
	}
	return all, nil
}

// TierHealth is what a tier promises and what is left of it.
type TierHealth struct {
	ID          int64
	Active      bool // switched on, and now is its time
	Probability float64
	UsesRatio   float64 // used share of its budget of winners, -1 without one
	AmountRatio float64 // and of money
}

// Tiers gives them all.
func (h *Health) Tiers(ctx context.Context) ([]TierHealth, error) {
	rows, err := h.pool.queries.HealthTiers(ctx, h.pool)
	if err != nil {
		return nil, mapError(err)
	}
	all := make([]TierHealth, len(rows))
	for i, r := range rows {
		all[i] = TierHealth{ID: r.TierID, Active: r.Active, Probability: r.Probability, UsesRatio: r.UsesRatio, AmountRatio: r.AmountRatio}
	}
	return all, nil
}
