package postgres

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"sespan/internal/apilog"
	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
)

// APILogSearch reads the API log: apilog.SearchStore.
type APILogSearch struct{ pool *Pool }

// NewAPILogSearch makes it.
func NewAPILogSearch(pool *Pool) *APILogSearch { return &APILogSearch{pool} }

// RowPage walks back along an index.
func (s *APILogSearch) RowPage(ctx context.Context, along apilog.Index, f apilog.Filter, before apilog.Position, walk, n int) ([]apilog.Row, *apilog.Position, error) {
	found, err := s.pool.queries.APILogWalk(ctx, customPlans{s.pool}, walkParams(along, f, before, walk, n))
	if err != nil {
		return nil, nil, mapError(err)
	}
	rows := make([]apilog.Row, 0, len(found))
	for _, row := range found {
		if row.Matches {
			rows = append(rows, logRow(row))
		}
		if row.Ordinal == int64(walk) {
			return rows, &apilog.Position{Time: row.TimeRequested, ID: row.ResponseID}, nil
		}
	}
	return rows, nil, nil
}

func walkParams(along apilog.Index, f apilog.Filter, before apilog.Position, walk, n int) *dbsqlc.APILogWalkParams {
	p := &dbsqlc.APILogWalkParams{
		Along: string(along), CustomerID: f.CustomerID, ResponseID: f.ResponseID, FromTime: f.From, BeforeTime: before.Time, BeforeID: before.ID,
		Walk: int64(walk), PageRows: int32(n), //nolint:gosec // a page
	}
	if f.IP.IsValid() {
		p.Ip = new(f.IP.WithZone(""))
	}
	if f.Status != 0 {
		p.Status = new(int16(f.Status)) //nolint:gosec // three digits
	}
	if f.Type != "" {
		p.RequestType = new(string(f.Type))
	}
	if f.Outcome != "" {
		p.Outcome = new(string(f.Outcome))
	}
	return p
}

func logRow(r dbsqlc.APILogWalkRow) apilog.Row {
	return apilog.Row{
		ResponseID: r.ResponseID, Requested: r.TimeRequested, Elapsed: durationOf(r.ElapsedTime), Type: apilog.RequestType(r.RequestType),
		Method: r.Method, Path: r.Path, Status: int(r.Status), Outcome: apilog.Outcome(r.Outcome), StatusDetails: r.StatusDetails,
		IP: addrOf(r.Ip), CustomerID: r.CustomerID, StandsFor: int(r.StandsFor),
	}
}

// RowByID finds a row by its id. Errors: problem.UnknownLogRow.
func (s *APILogSearch) RowByID(ctx context.Context, id uuid.UUID, from, to time.Time) (apilog.RowDetail, error) {
	r, err := s.pool.queries.APILogRow(ctx, customPlans{s.pool}, from, to, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return apilog.RowDetail{}, problem.New(problem.UnknownLogRow, "The log has no row of this response_id; rows go with their age.")
	}
	if err != nil {
		return apilog.RowDetail{}, mapError(err)
	}
	return apilog.RowDetail{
		Row: logRow(dbsqlc.APILogWalkRow{
			TimeRequested: r.TimeRequested, ResponseID: r.ResponseID, ElapsedTime: r.ElapsedTime, RequestType: r.RequestType, Method: r.Method, Path: r.Path,
			Status: r.Status, Outcome: r.Outcome, StatusDetails: r.StatusDetails, Ip: r.Ip, CustomerID: r.CustomerID, StandsFor: r.StandsFor,
		}),
		RequestHeader: r.RequestHeader, RequestBody: r.RequestBody, ResponseHeader: r.ResponseHeader, ResponseBody: r.ResponseBody, Responded: r.TimeResponded,
	}, nil
}

// durationOf reads an interval that the service wrote, or anybody's.
func durationOf(i pgtype.Interval) time.Duration {
	const day = 24 * time.Hour
	return time.Duration(i.Microseconds)*time.Microsecond + time.Duration(i.Days)*day + time.Duration(i.Months)*30*day
}

func addrOf(a *netip.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	return *a
}
