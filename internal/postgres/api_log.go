package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"sespan/internal/apilog"
	"sespan/internal/postgres/dbsqlc"
)

// APILog stores rows of the API log. Give it a pool of its own (two connections
// are enough): a log that waits for a handler's connection, which waits for the
// log, would deadlock.
type APILog struct{ pool *Pool }

// NewAPILog makes the store.
func NewAPILog(pool *Pool) *APILog { return &APILog{pool} }

// Insert writes the entries in one statement and one transaction, all or none. An
// entry that is stored already is skipped.
func (s *APILog) Insert(ctx context.Context, entries []apilog.Entry) error {
	ctx, end := s.pool.flush(ctx, "api log")
	err := s.pool.queries.APILogInsert(ctx, s.pool, apiLogParams(entries))
	end(err)
	return mapError(err)
}

// apiLogParams turns entries into the arrays of APILogInsert, for this store and
// for the transaction of a draw.
func apiLogParams(entries []apilog.Entry) *dbsqlc.APILogInsertParams {
	n := len(entries)
	p := &dbsqlc.APILogInsertParams{
		ResponseID: make([]uuid.UUID, n), Ip: make([]string, n), RequestType: make([]string, n),
		RequestHeader: make([]string, n), RequestBody: make([]string, n),
		ResponseHeader: make([]string, n), ResponseBody: make([]string, n),
		Status: make([]int16, n), Outcome: make([]string, n), StatusDetails: make([]string, n),
		TimeRequested: make([]time.Time, n), TimeResponded: make([]time.Time, n), CustomerID: make([]int64, n), StandsFor: make([]int32, n),
	}
	for i, e := range entries {
		p.ResponseID[i] = e.ResponseID
		if e.IP.IsValid() {
			p.Ip[i] = e.IP.WithZone("").String() // inet knows no zones
		}
		p.RequestType[i], p.Outcome[i], p.StatusDetails[i] = string(e.Type), string(e.Outcome), e.StatusDetails
		p.RequestHeader[i], p.RequestBody[i] = e.RequestHeader.String(), e.RequestBody.String()
		p.ResponseHeader[i], p.ResponseBody[i] = e.ResponseHeader.String(), e.ResponseBody.String()
		p.Status[i] = int16(e.Status) //nolint:gosec // three digits; the table's CHECK refuses another
		p.TimeRequested[i], p.TimeResponded[i] = e.Requested, e.Responded
		p.StandsFor[i] = int32(min(max(e.StandsFor, 1), apilog.MaxStandsFor))
		if e.CustomerID != nil {
			p.CustomerID[i] = *e.CustomerID
		}
	}
	return p
}
