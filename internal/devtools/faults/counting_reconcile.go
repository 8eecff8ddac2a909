package main

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed counting_rows.sql
	countingRowsSQL string
	//go:embed counting_log.sql
	countingLogSQL string
	//go:embed counting_limit.sql
	countingLimitSQL string
	//go:embed counting_check.sql
	countingCheckSQL string
)

// reconcile compares the answers with the rows, the log and the counts.
func (c *counting) reconcile(ctx context.Context, a *answers) error {
	lost, uncancelled, err := c.compareRows(ctx, a)
	if err != nil {
		return err
	}
	unlogged, err := c.compareLog(ctx, a)
	if err != nil {
		return err
	}
	var used, standing int64
	if err := c.Admin.QueryRow(ctx, countingLimitSQL, c.tier).Scan(&used, &standing); err != nil {
		return err
	}
	differences, err := c.list(ctx, countingCheckSQL)
	if err != nil {
		return err
	}
	for _, line := range append(a.faulty, differences...) {
		c.Printf("  %s\n", line)
	}
	c.report.Info("draws answered under faults", float64(len(a.draws)), "")
	c.report.Info("of them cancelled", float64(len(a.cancels)), "")
	c.report.Info("codes asked for", float64(a.codes), "")
	c.report.Info("processes killed, or their database sessions", float64(c.kills), "")
	c.report.Info("winners of the tier with a limit", float64(standing), "")
	c.report.Zero("answered draws that are not there as they were answered", lost)
	c.report.Zero("answered cancellations that are not there", uncancelled)
	c.report.Zero("answered draws without their one row in the API log", unlogged)
	c.report.Zero("winners above the limit", int(max(0, standing-c.uses)))
	c.report.Zero("winners that the limit has not counted, or counted in vain", int(max(used-standing, standing-used)))
	c.report.Zero("counts that differ from what proves them", len(differences))
	c.report.Zero("answers that nobody may get", len(a.faulty))
	return nil
}

func (c *counting) compareRows(ctx context.Context, a *answers) (lost, uncancelled int, err error) {
	rows, err := c.Admin.Query(ctx, countingRowsSQL)
	if err != nil {
		return 0, 0, err
	}
	there, cancelled := map[string]drawAnswer{}, map[string]bool{}
	var order string
	var d drawAnswer
	var gone bool
	if _, err := pgx.ForEachRow(rows, []any{&order, &d.TransactionID, &d.Discounted, &gone}, func() error {
		if _, twice := there[order]; twice {
			lost++
		}
		there[order], cancelled[order] = d, gone
		return nil
	}); err != nil {
		return 0, 0, err
	}
	for order, answered := range a.draws {
		answered.responseID = ""
		if there[order] != answered {
			lost++
		}
	}
	for _, order := range a.cancels {
		if !cancelled[order] {
			uncancelled++
		}
	}
	return lost, uncancelled, nil
}

func (c *counting) compareLog(ctx context.Context, a *answers) (unlogged int, err error) {
	rows, err := c.Admin.Query(ctx, countingLogSQL)
	if err != nil {
		return 0, err
	}
	logged := map[string]int{}
	var id string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		logged[id] = n
		return nil
	}); err != nil {
		return 0, err
	}
	for _, d := range a.draws {
		if logged[d.responseID] != 1 {
			unlogged++
		}
	}
	return unlogged, nil
}

func (c *counting) list(ctx context.Context, query string) ([]string, error) {
	rows, err := c.Admin.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
