package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"sespan/internal/postgres/dbsqlc"
)

// Doctor reads what `sespan doctor` judges; it changes nothing.
type Doctor struct{ pool *Pool }

// NewDoctor makes it.
func NewDoctor(pool *Pool) *Doctor { return &Doctor{pool} }

// Server is the database as this login finds it.
type Server struct {
	Version   string
	Login     string
	Superuser bool
	ReadOnly  string // why nothing can be written; "" where it can
	Unset     string // which of its settings a login that comes through a pooler lacks, as ALTER ROLE … SET names it; "" for none
}

// Server asks the database for itself.
func (d *Doctor) Server(ctx context.Context) (Server, error) {
	row, err := d.pool.queries.DoctorServer(ctx, d.pool)
	if err != nil {
		return Server{}, mapError(err)
	}
	s := Server{Version: row.Version, Login: row.Login, Superuser: row.Superuser}
	switch {
	case row.Isolation != isolationLevel:
		s.Unset = isolationSetting + " = '" + isolationLevel + "'"
	case row.LockTimeout == "0":
		s.Unset = "lock_timeout = '500ms'"
	}
	switch {
	case row.Standby:
		s.ReadOnly = "it is a standby"
	case row.ReadOnly:
		s.ReadOnly = "default_transaction_read_only is on"
	}
	return s, nil
}

// LoginRights is what a login lacks of the service's rights.
type LoginRights struct {
	Login     string
	Service   string // the group; "" where a DBA makes the roles
	HasSchema bool
	MayUse    bool // the schema
	Missing   int
	First     string // one of them, such as INSERT on sespan.api_log
}

// LoginRights compares the login's rights with those of the service's group.
func (d *Doctor) LoginRights(ctx context.Context) (LoginRights, error) {
	row, err := d.pool.queries.DoctorLogin(ctx, d.pool)
	if err != nil {
		return LoginRights{}, mapError(err)
	}
	return LoginRights{row.Login, row.Service, row.HasSchema, row.MayUse, int(row.Missing), row.FirstMissing}, nil
}

// Trigger is one of ours that does not work.
type Trigger struct {
	Table, Name string
	Counts      bool // what is written meanwhile is missing in the statistics
	Missing     bool // else it is disabled
}

// BrokenTriggers gives our triggers that are missing or disabled.
func (d *Doctor) BrokenTriggers(ctx context.Context) ([]Trigger, error) {
	rows, err := d.pool.queries.DoctorTriggers(ctx, d.pool)
	out := make([]Trigger, len(rows))
	for i, r := range rows {
		out[i] = Trigger{"sespan." + r.Relation, r.Name, r.Counts, r.Missing}
	}
	return out, mapError(err)
}

// InvalidIndexes gives the indexes that a broken-off migration has left.
func (d *Doctor) InvalidIndexes(ctx context.Context) ([]string, error) {
	names, err := d.pool.queries.DoctorInvalidIndexes(ctx, d.pool)
	return names, mapError(err)
}

// LogSize is what the API log takes.
type LogSize struct {
	Bytes     int64
	OldestDay string // YYYYMMDD; "" for none
	BytesADay int64  // of the last whole days; 0 before the first is over
}

// LogSize measures the API log.
func (d *Doctor) LogSize(ctx context.Context) (LogSize, error) {
	row, err := d.pool.queries.DoctorAPILog(ctx, d.pool)
	if err != nil {
		return LogSize{}, mapError(err)
	}
	return LogSize{row.Bytes, row.OldestDay, row.RecentBytes / max(int64(row.RecentDays), 1)}, nil
}

// DeadRows are those of a table that autovacuum has left.
type DeadRows struct {
	Table      string
	Dead, Live int64
	VacuumedAt time.Time // zero for never, as far as the statistics reach
}

// DeadRows gives the tables with many, more than least at any rate.
func (d *Doctor) DeadRows(ctx context.Context, least int64) ([]DeadRows, error) {
	rows, err := d.pool.queries.DoctorDeadRows(ctx, d.pool, least)
	out := make([]DeadRows, len(rows))
	for i, r := range rows {
		out[i] = DeadRows{"sespan." + r.Relation, r.Dead, r.Live, r.VacuumedAt}
	}
	return out, mapError(err)
}

// Wraparound is the table of ours whose rows are the longest unfrozen.
type Wraparound struct {
	Table         string
	Age, FreezeAt int64 // transactions
	Autovacuum    bool
}

// Wraparound reads the ages.
func (d *Doctor) Wraparound(ctx context.Context) (Wraparound, error) {
	row, err := d.pool.queries.DoctorWraparound(ctx, d.pool)
	return Wraparound{"sespan." + row.Relation, row.Age, row.FreezeAt, row.Autovacuum}, mapError(err)
}

// AddressesSeen is the address of most of the newest calls.
type AddressesSeen struct {
	Address          string
	Calls, Customers int // from it
	AllCalls         int
}

// AddressesSeen looks at the last day of the API log.
func (d *Doctor) AddressesSeen(ctx context.Context) (AddressesSeen, error) {
	row, err := d.pool.queries.DoctorAddressesSeen(ctx, d.pool)
	return AddressesSeen{row.Address, int(row.Calls), int(row.Customers), int(row.AllCalls)}, mapError(err)
}

// CodeKeys gives the ids of the secret keys that live codes need.
func (d *Doctor) CodeKeys(ctx context.Context) ([]string, error) {
	ids, err := d.pool.queries.DoctorCodeKeys(ctx, d.pool)
	return ids, mapError(err)
}

// ErrNotHeard says that a notification did not arrive, though nothing failed.
var ErrNotHeard = errors.New("a notification did not arrive")

// ListenRoundTrip listens at url, notifies through the pool and waits for the
// notification: a transaction pooler accepts LISTEN and forwards nothing.
func (d *Doctor) ListenRoundTrip(ctx context.Context, url string, wait time.Duration) (time.Duration, error) {
	config, err := connConfig(url)
	if err != nil {
		return 0, err
	}
	config.RuntimeParams["application_name"] = "sespan doctor"
	config.ConnectTimeout = 3 * time.Second
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, errors.New(oneLine(hideDSN(err)))
	}
	defer conn.Close(context.WithoutCancel(ctx))                        //nolint:errcheck // it was only for listening
	channel := "sespan_doctor_" + strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // a name, no secret
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {        // no parameters there, and the name is our own
		return 0, mapError(err)
	}
	begun := time.Now()
	if err := dbsqlc.New().MailCanary(ctx, d.pool, channel, "doctor"); err != nil {
		return 0, mapError(err)
	}
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if _, err := conn.WaitForNotification(bounded); err != nil {
		return 0, ErrNotHeard
	}
	return time.Since(begun), nil
}
