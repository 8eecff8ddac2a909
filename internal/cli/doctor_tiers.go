package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"strings"

	"sespan/internal/app"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

// checkDraws looks whether the keys open what was sealed with them.
func (x *examination) checkDraws(ctx context.Context) []finding {
	if err := app.CheckSeals(ctx, x.pool, x.settings.Ring); err != nil { // serve would not start
		return settingError(err)
	}
	if err := transaction.NewEpochs(postgres.NewTransactions(x.pool), x.settings.Ring, rand.Reader).Check(ctx); err != nil {
		if postgres.FromServer(err) || ctx.Err() != nil {
			return failed(err)
		}
		return wrong("the seed of today's draws cannot be opened: "+cause(err), "put the key that is missing back into SESPAN_SECRET_KEYS, behind the first")
	}
	ids, err := x.doctor().CodeKeys(ctx)
	if err != nil {
		return failed(err)
	}
	ids = slices.DeleteFunc(ids, x.settings.Ring.Has)
	if len(ids) > 0 {
		return wrong(fmt.Sprintf("live codes were made with the secret key %s, which SESPAN_SECRET_KEYS does not hold: they are refused", strings.Join(ids, ", ")),
			"put that key back behind the first until the codes have ended (SESPAN_OTP_LIFETIME)")
	}
	return well("SESPAN_SECRET_KEYS opens the seeds of draws and verifies every live code")
}

// checkTiers names tiers in which a customer may draw often: a cart changed there and
// back is a new order, and a new order a new draw.
func (x *examination) checkTiers(ctx context.Context) []finding {
	tiers, err := postgres.NewTiers(x.pool).TierManyDraws(ctx, transaction.DefaultPerCustomerDraws)
	if err != nil {
		return failed(err)
	}
	if len(tiers) == 0 {
		return well("no active tier lets a customer draw more than %d times a day", transaction.DefaultPerCustomerDraws)
	}
	lines := make([]string, len(tiers))
	for i, t := range tiers {
		lines[i] = describeDraws(t)
	}
	return warning(strings.Join(lines, "; "), fmt.Sprintf("a changed cart is a new draw: per_customer_draws => %d bounds that", transaction.DefaultPerCustomerDraws))
}

// describeDraws says what a customer gets who uses up all draws of a day.
func describeDraws(t transaction.Tier) string {
	if t.PerCustomerDraws == nil {
		return fmt.Sprintf("%q sets no limit to a customer's draws of a day: whoever goes on changing the cart wins", t.Name)
	}
	chance := 1 - math.Pow(1-t.Probability.InexactFloat64(), float64(*t.PerCustomerDraws)) // for a sentence only
	return fmt.Sprintf("%q lets a customer draw %d times a day, and win with %.0f %% instead of %s %%", t.Name, *t.PerCustomerDraws, 100*chance, t.Probability.Shift(2))
}
