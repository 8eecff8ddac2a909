package cli

import (
	"context"
	"fmt"
	"time"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Stats is the command stats.
type Stats struct {
	Check StatsCheck `cmd:"" help:"Compare the counts with the rows that prove them; fails when they differ."`
	config.Database
}

// StatsCheck is the command stats check.
type StatsCheck struct {
	Since string `placeholder:"YYYY-MM-DD" help:"Compare the days from this one on; without it all whose rows are there."`
	JSON  bool   `name:"json" help:"Print the differences as JSON."`
}

// checkTimeout is of a command that reads whole tables.
const checkTimeout = time.Hour

// Run prints each difference, or one line that there is none.
func (c *StatsCheck) Run(ctx context.Context, s *Stats, e *Env) error {
	if err := s.Resolve(); err != nil {
		return err
	}
	since, err := c.day()
	if err != nil {
		return err
	}
	return withDatabase(ctx, &s.Database, postgres.Options{ApplicationName: "sespan stats", StatementTimeout: checkTimeout}, func(pool *postgres.Pool) error {
		compared, differences, err := postgres.NewCounts(pool).Check(ctx, since)
		if err != nil {
			return err
		}
		return c.print(e, compared, differences)
	})
}

func (c *StatsCheck) day() (*time.Time, error) {
	if c.Since == "" {
		return nil, nil //nolint:nilnil // no day is all days
	}
	day, err := time.Parse(time.DateOnly, c.Since)
	if err != nil {
		return nil, &config.Error{Variable: "--since", Problem: "is no day", Hint: "write it as 2026-01-31"}
	}
	return &day, nil
}

func (c *StatsCheck) print(e *Env, compared int64, differences []postgres.CountDifference) error {
	switch {
	case c.JSON:
		if err := e.printJSON(struct {
			Compared    int64                      `json:"compared"`
			Differences []postgres.CountDifference `json:"differences"`
		}{compared, differences}); err != nil {
			return err
		}
	case len(differences) == 0:
		fmt.Fprintf(e.Out, "all %d counts of all days agree with what proves them\n", compared)
	}
	if len(differences) == 0 {
		return nil
	}
	if !c.JSON {
		for _, d := range differences {
			fmt.Fprintf(e.Out, "%s  %-11s  %s: counted %s, proven %s, difference %s\n", d.Day, d.Noun, d.Count, d.Counted, d.Proven, d.Difference)
		}
	}
	return fmt.Errorf("%d of %d counts differ from what proves them", len(differences), compared)
}
