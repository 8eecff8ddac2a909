package cli

import (
	"context"
	"fmt"
	"math"
	"strings"

	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

// checkTiers notes tiers in which a customer may draw often: a cart changed there and
// back is a new order, and a new order a new draw.
func checkTiers(ctx context.Context, pool *postgres.Pool) (string, error) {
	tiers, err := postgres.NewTiers(pool).TierManyDraws(ctx, transaction.DefaultPerCustomerDraws)
	if err != nil {
		return "", err
	}
	if len(tiers) == 0 {
		return fmt.Sprintf("no active tier lets a customer draw more than %d times a day", transaction.DefaultPerCustomerDraws), nil
	}
	lines := make([]string, len(tiers))
	for i, t := range tiers {
		lines[i] = describeDraws(t)
	}
	return "", note(strings.Join(lines, "; ") + fmt.Sprintf("; a changed cart is a new draw: per_customer_draws => %d bounds that", transaction.DefaultPerCustomerDraws))
}

// describeDraws says what a customer gets who uses up all draws of a day.
func describeDraws(t transaction.Tier) string {
	if t.PerCustomerDraws == nil {
		return fmt.Sprintf("%q sets no limit to a customer's draws of a day: whoever goes on changing the cart wins", t.Name)
	}
	chance := 1 - math.Pow(1-t.Probability.InexactFloat64(), float64(*t.PerCustomerDraws)) // for a sentence only
	return fmt.Sprintf("%q lets a customer draw %d times a day, and win with %.0f %% instead of %s %%", t.Name, *t.PerCustomerDraws, 100*chance, t.Probability.Shift(2))
}
