package cli

import (
	"context"
	"fmt"
	"time"

	"sespan/internal/postgres"
)

// note is a result that stops nothing and is worth knowing.
type note string

func (n note) Error() string { return string(n) }

// addressCount bounds the count of shared addresses, which reads every customer.
const addressCount = 2 * time.Second

func checkAddresses(ctx context.Context, pool *postgres.Pool) (string, error) {
	if b, err := pool.BindingState(ctx); err == nil && !b.OK() {
		return "", note("not checked: first repair the binding of the customers") // one fault, one line
	}
	a, err := pool.Addresses(ctx, addressCount)
	if err != nil {
		return "", err
	}
	text := describeAddresses(a)
	if !a.Indexed {
		index := a.LookUpIndex
		if a.Counted && a.Shared == 0 && !a.Empty {
			index = "the same index does"
		}
		text += "; no index serves look-ups by address: " + index
	}
	if a.Unique || (a.Indexed && a.Counted && a.Shared == 0) {
		return text, nil
	}
	return "", note(text)
}

func describeAddresses(a postgres.Addresses) string {
	switch {
	case a.Unique:
		return "a unique index keeps each to one customer"
	case !a.Counted:
		return fmt.Sprintf("not checked whether any is shared: counting took longer than %s; %s finds out, and keeps them apart", addressCount, a.UniqueIndex)
	case a.Shared == 0:
		return "none is shared; to keep it so: " + a.UniqueIndex
	}
	number := fmt.Sprint(a.Shared)
	if a.More {
		number = "more than " + number
	}
	return fmt.Sprintf("%s shared by several customers, none of whom gets a code by it; give each their own, then: %s", number, a.UniqueIndex)
}
