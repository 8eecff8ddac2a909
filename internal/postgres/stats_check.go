package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// CountDifference is a count that differs from what proves it. The figures are exact
// decimals.
type CountDifference struct {
	Noun       string `json:"noun"`
	Day        string `json:"day"`
	Count      string `json:"count"`
	Counted    string `json:"counted"`
	Proven     string `json:"proven"`
	Difference string `json:"difference"`
}

// Check compares the counts from the day since on, nil for all, with the rows that
// prove them. It gives how many were compared and those that differ.
func (c *Counts) Check(ctx context.Context, since *time.Time) (compared int64, differences []CountDifference, err error) {
	var day pgtype.Date
	if since != nil {
		day = dateOf(*since)
	}
	rows, err := c.pool.queries.StatsCheck(ctx, c.pool, day)
	if err != nil {
		return 0, nil, mapError(err)
	}
	differences = []CountDifference{}
	for _, r := range rows {
		compared = r.Compared
		if r.Differs {
			differences = append(differences, CountDifference{r.Noun, r.Day, r.Count, r.Counted, r.Proven, r.Difference})
		}
	}
	return compared, differences, nil
}
