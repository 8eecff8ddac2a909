package demo

import (
	"context"
	_ "embed" // the statements below
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/history.sql
var historySQL string

//go:embed sql/history_exists.sql
var historyExistsSQL string

// seedHistory puts the tiers in place and, once, ten weeks of orders, codes, mails
// and calls before them.
func (d *demo) seedHistory(ctx context.Context) error {
	if err := d.seedTiers(ctx); err != nil || !d.History {
		return err
	}
	return d.onDatabase(ctx, d.database.shop, func(conn *pgx.Conn) error {
		var exists bool
		if err := conn.QueryRow(ctx, historyExistsSQL).Scan(&exists); err != nil || exists {
			return err
		}
		// Without arguments pgx sends the file as one simple query, with its BEGINs and COMMITs.
		if _, err := conn.Exec(ctx, historySQL); err != nil {
			return fmt.Errorf("the made-up history: %w", err)
		}
		return nil
	})
}
