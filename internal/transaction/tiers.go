package transaction

import (
	"context"
	"errors"
	"fmt"

	"sespan/internal/problem"
)

// MaxTiers bounds the whole set, and with it the labels of the metrics.
const MaxTiers = 500

// TierReader finds tiers. Errors: problem.UnknownTier.
type TierReader interface {
	TierList(ctx context.Context) ([]Tier, error)
	TierByID(ctx context.Context, id int64) (Tier, error)
}

// TierWriter changes tiers; each method is one transaction. Errors:
// problem.UnknownTier, problem.TierOverlap, problem.Invalid.
type TierWriter interface {
	// TierSave makes the tier (ID 0) or replaces all columns of the one with its ID.
	TierSave(ctx context.Context, t Tier) (Tier, error)
	TierDelete(ctx context.Context, id int64) error
	// TierReplace leaves exactly these tiers: those with an ID are changed, those
	// without are made, all others deleted. All or nothing.
	TierReplace(ctx context.Context, set []Tier) ([]Tier, error)
}

// TierStore stores tiers.
type TierStore interface {
	TierReader
	TierWriter
}

// Tiers is the service that validates and stores tiers.
type Tiers struct {
	TierReader
	store TierStore
	minor Minor
}

// NewTiers makes the service; minor is the money's number of decimals.
func NewTiers(store TierStore, minor Minor) *Tiers {
	return &Tiers{TierReader: store, store: store, minor: minor}
}

// Save makes a tier (ID 0) or replaces the one with its ID. Errors as in
// TierWriter; the Field of problem.Invalid is the column's name.
func (s *Tiers) Save(ctx context.Context, t Tier) (Tier, error) {
	if err := t.Validate(s.minor); err != nil {
		return Tier{}, err
	}
	return s.store.TierSave(ctx, t)
}

// Delete removes a tier; its history stays. Error: problem.UnknownTier.
func (s *Tiers) Delete(ctx context.Context, id int64) error { return s.store.TierDelete(ctx, id) }

// Replace makes the given tiers the whole set, all or nothing. Errors as in
// TierWriter; the Field of problem.Invalid is "tiers[i].column".
func (s *Tiers) Replace(ctx context.Context, set []Tier) ([]Tier, error) {
	if len(set) > MaxTiers {
		return nil, invalid("tiers", "A set has at most %d tiers.", MaxTiers)
	}
	for i, t := range set {
		if err := t.Validate(s.minor); err != nil {
			return nil, memberProblem(i, err)
		}
		for j, o := range set[:i] {
			switch {
			case t.ID != 0 && t.ID == o.ID:
				return nil, invalid(fmt.Sprintf("tiers[%d].tier_id", i), "The tier stands in the set twice.")
			case t.overlaps(o):
				return nil, Overlap(o.label(), o.ID).AtField(fmt.Sprintf("tiers[%d]", i)).With("other", fmt.Sprintf("tiers[%d]", j))
			}
		}
	}
	return s.store.TierReplace(ctx, set)
}

func memberProblem(i int, err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.AtField(fmt.Sprintf("tiers[%d].%s", i, p.Field))
	}
	return err
}
