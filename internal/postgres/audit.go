package postgres

import (
	"context"
	"strings"
	"unicode"

	"sespan/internal/access"
	"sespan/internal/postgres/dbsqlc"
)

const (
	auditPortion   = 5000
	maxAuditLine   = 200 // characters
	maxAuditDetail = 1000
)

// Audit enters and forgets rows of the audit: access.Auditor.
type Audit struct{ pool *Pool }

// NewAudit makes it.
func NewAudit(pool *Pool) *Audit { return &Audit{pool} }

// Enter adds a row, in one round trip.
func (a *Audit) Enter(ctx context.Context, e access.AuditEntry) error {
	return mapError(a.pool.asActor(ctx, func(tx *batchTx) error {
		return a.pool.queries.AuditAdd(ctx, tx, &dbsqlc.AuditAddParams{
			Action: string(e.Action), Subject: string(e.Subject), SubjectID: auditLine(e.SubjectID, maxAuditLine), Detail: auditLine(e.Detail, maxAuditDetail),
		})
	}))
}

// Sweep deletes what is older than these days; versions of tiers stay.
func (a *Audit) Sweep(ctx context.Context, days int) error {
	for swept := int32(auditPortion); swept >= auditPortion; {
		var err error
		if swept, err = a.pool.queries.AuditSweep(ctx, a.pool, int32(days), auditPortion); err != nil { //nolint:gosec // checked by config
			return mapError(err)
		}
	}
	return nil
}

// asActor runs fn in a transaction whose audit names the actor of the context. Who
// acts is sent in the same round trip as fn's first statement with a result, or as
// the commit; a change that ends with thenCommit takes one.
func (p *Pool) asActor(ctx context.Context, fn func(*batchTx) error) error {
	return p.inBatchTx(ctx, func(tx *batchTx) error {
		if actor, ok := access.ActorFrom(ctx); ok {
			if err := p.queries.AuditAs(ctx, tx, auditAs(actor)); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

func auditAs(a access.Actor) *dbsqlc.AuditAsParams {
	p := &dbsqlc.AuditAsParams{Actor: auditLine(a.Name, maxAuditLine), ActorID: auditLine(a.ID, maxAuditLine), Way: string(a.Way)}
	if a.Address.IsValid() {
		p.Address = &a.Address
	}
	return p
}

// auditLine makes any text one that audit_as takes: a name that somebody wrote into
// the table by hand fails no call.
func auditLine(s string, most int) string {
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if runes := []rune(line); len(runes) > most {
		return string(runes[:most])
	}
	return line
}
