package cli

import (
	"context"
	"fmt"
	"time"

	"sespan/internal/postgres"
)

// comparedWithin is how old the comparison of people may be: what no signal told would
// keep keys alive for so long.
const comparedWithin = 24 * time.Hour

func checkPeople(ctx context.Context, pool *postgres.Pool) (string, error) {
	keys, at, err := postgres.NewKeys(pool).Compared(ctx)
	switch {
	case err != nil:
		return "", err
	case keys == 0:
		return "nobody has a key of their own", nil
	case at.IsZero():
		return "", note(fmt.Sprintf("%d keys belong to people, who were never compared with their rights: let cron run manage.py sespan_compare_people", keys))
	case time.Since(at) > comparedWithin:
		return "", note(fmt.Sprintf("%d keys belong to people, whose rights were last compared at %s: let cron run manage.py sespan_compare_people", keys, timestampOrNever(at)))
	}
	return fmt.Sprintf("%d keys belong to people, whose rights were compared at %s", keys, timestampOrNever(at)), nil
}
