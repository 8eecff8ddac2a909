package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
	"sespan/internal/transaction"
)

// Tiers stores tiers: transaction.TierStore.
type Tiers struct{ pool *Pool }

// NewTiers makes the store.
func NewTiers(pool *Pool) *Tiers { return &Tiers{pool} }

// TierList gives every tier by id.
func (s *Tiers) TierList(ctx context.Context) ([]transaction.Tier, error) {
	rows, err := s.pool.queries.TierList(ctx, s.pool)
	if err != nil {
		return nil, mapError(err)
	}
	tiers := make([]transaction.Tier, len(rows))
	for i, row := range rows {
		tiers[i] = tierOf(row)
	}
	return tiers, nil
}

// TierByID gives one tier. Errors: problem.UnknownTier.
func (s *Tiers) TierByID(ctx context.Context, id int64) (transaction.Tier, error) {
	row, err := s.pool.queries.TierByID(ctx, s.pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return transaction.Tier{}, unknownTier(id)
	}
	if err != nil {
		return transaction.Tier{}, mapError(err)
	}
	return tierOf(row), nil
}

// TierManyDraws gives active tiers, the likeliest first, in which a customer may draw
// more often a day than usual; it fills in name, probability and that limit.
func (s *Tiers) TierManyDraws(ctx context.Context, usual int32) ([]transaction.Tier, error) {
	rows, err := s.pool.queries.TierManyDraws(ctx, s.pool, usual)
	if err != nil {
		return nil, mapError(err)
	}
	tiers := make([]transaction.Tier, len(rows))
	for i, row := range rows {
		tiers[i] = transaction.Tier{Name: row.Name, PerCustomerDraws: row.PerCustomerDraws, Probability: decimalOf(row.Probability)}
	}
	return tiers, nil
}

// TierSave makes a tier or replaces one, through sespan.tier_save.
func (s *Tiers) TierSave(ctx context.Context, t transaction.Tier) (transaction.Tier, error) {
	var saved transaction.Tier
	err := s.pool.asActor(ctx, func(tx *batchTx) (err error) {
		saved, err = s.save(ctx, tx.thenCommit(), t)
		return err
	})
	return saved, tierError(err)
}

// TierDelete deletes a tier. Errors: problem.UnknownTier.
func (s *Tiers) TierDelete(ctx context.Context, id int64) error {
	var deleted bool
	err := s.pool.asActor(ctx, func(tx *batchTx) (err error) {
		deleted, err = s.pool.queries.TierDelete(ctx, tx.thenCommit(), id)
		return err
	})
	if err == nil && !deleted {
		return unknownTier(id)
	}
	return mapError(err)
}

// TierReplace makes set the whole set of tiers in one transaction.
func (s *Tiers) TierReplace(ctx context.Context, set []transaction.Tier) ([]transaction.Tier, error) {
	var saved []transaction.Tier
	err := s.pool.asActor(ctx, func(tx *batchTx) error {
		present, err := s.pool.queries.TierLockAll(ctx, tx)
		if err != nil {
			return err
		}
		if err := s.pool.queries.TierOverlapDeferred(ctx, tx); err != nil {
			return err
		}
		if err := s.deleteOthers(ctx, tx, present, set); err != nil {
			return err
		}
		for _, t := range set {
			one, err := s.save(ctx, tx, t)
			if err != nil {
				return err
			}
			saved = append(saved, one)
		}
		return s.pool.queries.TierOverlapImmediate(ctx, tx)
	})
	if err != nil {
		return nil, tierError(err)
	}
	return saved, nil
}

func (s *Tiers) deleteOthers(ctx context.Context, tx *batchTx, present []int64, set []transaction.Tier) error {
	keep := make(map[int64]bool, len(set))
	for _, t := range set {
		keep[t.ID] = true
	}
	for _, id := range present {
		if keep[id] {
			continue
		}
		if _, err := s.pool.queries.TierDelete(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Tiers) save(ctx context.Context, db dbsqlc.DBTX, t transaction.Tier) (transaction.Tier, error) {
	p := &dbsqlc.TierSaveParams{
		Name: t.Name, MinimumTransaction: numericOrNull(t.MinimumTransaction), MaximumTransaction: numericOrNull(t.MaximumTransaction),
		Probability: numericOf(t.Probability), Discount: numericOf(t.Discount), IsActive: t.IsActive,
		StartsAt: t.StartsAt, EndsAt: t.EndsAt, MaximumDiscount: numericOrNull(t.MaximumDiscount),
		BudgetAmount: numericOrNull(t.BudgetAmount), BudgetUses: t.BudgetUses,
		PerCustomerUses: t.PerCustomerUses, PerCustomerDraws: t.PerCustomerDraws,
	}
	if t.ID != 0 {
		p.TierID = &t.ID
	}
	row, err := s.pool.queries.TierSave(ctx, db, p)
	if err != nil {
		return transaction.Tier{}, err
	}
	return tierOf(row), nil
}

// tierError reads what tier_save and the table's constraints say.
func tierError(err error) error {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && pe.Code == stateBadTier && pe.ColumnName == "tier_id":
		return problem.New(problem.UnknownTier, pe.Message)
	case ok && pe.Code == stateBadTier:
		return problem.New(problem.Invalid, pe.Message).AtField(pe.ColumnName)
	case ok && pe.Code == stateExclusionViolation:
		p := problem.New(problem.TierOverlap, "The amounts and moments overlap those of another active tier.")
		var other int64
		if _, err := fmt.Sscanf(pe.Detail, "tier_id %d", &other); err == nil {
			p = problem.New(problem.TierOverlap, pe.Message).With("tier_id", other)
		}
		return p
	}
	return mapError(err)
}

func unknownTier(id int64) error {
	return problem.Newf(problem.UnknownTier, "There is no tier %d.", id)
}

func tierOf(r dbsqlc.SespanTransactionTier) transaction.Tier {
	return transaction.Tier{
		ID: r.TierID, Name: r.Name,
		MinimumTransaction: decimalOrNil(r.MinimumTransaction), MaximumTransaction: decimalOrNil(r.MaximumTransaction),
		Probability: decimalOf(r.Probability), Discount: decimalOf(r.Discount), IsActive: r.IsActive,
		StartsAt: r.StartsAt, EndsAt: r.EndsAt, MaximumDiscount: decimalOrNil(r.MaximumDiscount),
		BudgetAmount: decimalOrNil(r.BudgetAmount), BudgetUses: r.BudgetUses,
		PerCustomerUses: r.PerCustomerUses, PerCustomerDraws: r.PerCustomerDraws,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}
