package postgres

import "context"

// Budgets is what strangers have caused, as far as one watches it.
type Budgets struct{ pool *Pool }

// NewBudgets gives them on a pool.
func NewBudgets(p *Pool) *Budgets { return &Budgets{p} }

// Site gives the mails that strangers have caused today (UTC) and the ceiling, which
// is negative where there is none.
func (b *Budgets) Site(ctx context.Context) (used, most int64, err error) {
	row, err := b.pool.queries.BudgetSite(ctx, b.pool)
	return row.Used, row.Most, mapError(err)
}
