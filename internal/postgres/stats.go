package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
	"sespan/internal/stats"
)

// Stats reads the counts: stats.Reader.
type Stats struct{ pool *Pool }

// NewStats makes it.
func NewStats(pool *Pool) *Stats { return &Stats{pool} }

// APISums gives API hits by type and outcome.
func (s *Stats) APISums(ctx context.Context, r stats.Range) (stats.APISums, error) {
	sums := stats.NewSums[map[stats.APIKey]int64, stats.APIKey, stats.APICounts](r)
	err := s.read(ctx, r, func(tx dbsqlc.DBTX, series seriesParams, windows windowsParams) error {
		rows, err := s.pool.queries.StatsAPISeries(ctx, tx, (*dbsqlc.StatsAPISeriesParams)(&series))
		if err != nil {
			return err
		}
		for _, row := range rows {
			bucket := &sums.Buckets[row.Part-1]
			if *bucket == nil {
				*bucket = make(map[stats.APIKey]int64, 10) // as many as there are
			}
			(*bucket)[stats.APIKey{RequestType: row.RequestType, Outcome: row.Outcome}] += row.Calls
		}
		totals, err := s.pool.queries.StatsAPIWindows(ctx, tx, (*dbsqlc.StatsAPIWindowsParams)(&windows))
		for _, row := range totals {
			sums.Windows[row.Part][stats.APIKey{RequestType: row.RequestType, Outcome: row.Outcome}] = stats.APICounts{
				Calls: row.Calls,
				Latency: stats.Histogram{
					row.Le5, row.Le10, row.Le25, row.Le50, row.Le100, row.Le250, row.Le500, row.Le1000, row.Le2500, row.Le5000, row.LeInf,
				},
			}
		}
		return err
	})
	return sums, err
}

// OTPSums gives events of codes by purpose.
func (s *Stats) OTPSums(ctx context.Context, r stats.Range) (stats.OTPSums, error) {
	sums := stats.NewSums[stats.OTPCounts, string, stats.OTPCounts](r)
	err := s.read(ctx, r, func(tx dbsqlc.DBTX, series seriesParams, windows windowsParams) error {
		rows, err := s.pool.queries.StatsOTPSeries(ctx, tx, (*dbsqlc.StatsOTPSeriesParams)(&series))
		if err != nil {
			return err
		}
		for _, row := range rows {
			sums.Buckets[row.Part-1] = stats.OTPCounts{
				Issued: row.Issued, Resent: row.Resent, Verified: row.Verified, Failed: row.Failed, Locked: row.Locked, Expired: row.Expired,
			}
		}
		totals, err := s.pool.queries.StatsOTPWindows(ctx, tx, (*dbsqlc.StatsOTPWindowsParams)(&windows))
		for _, row := range totals {
			sums.Windows[row.Part][row.Purpose] = stats.OTPCounts{
				Issued: row.Issued, Resent: row.Resent, Verified: row.Verified, Failed: row.Failed, Locked: row.Locked, Expired: row.Expired,
			}
		}
		return err
	})
	return sums, err
}

// TransactionSums gives draws and cancellations by tier, the buckets of one tier where
// one is named, and what the tiers are called, or were when they were deleted.
func (s *Stats) TransactionSums(ctx context.Context, r stats.Range, tier *int64) (stats.TransactionSums, map[int64]string, error) {
	sums := stats.NewSums[stats.TransactionCounts, int64, stats.TransactionCounts](r)
	names := map[int64]string{}
	err := s.read(ctx, r, func(tx dbsqlc.DBTX, series seriesParams, windows windowsParams) error {
		rows, err := s.pool.queries.StatsTransactionSeries(ctx, tx, &dbsqlc.StatsTransactionSeriesParams{
			Days: series.Days, TimeZone: series.TimeZone, FirstDay: series.FirstDay, LastDay: series.LastDay, TierID: tier, Starts: series.Starts,
			FirstHour: series.FirstHour, LastHour: series.LastHour,
			FromTime: series.FromTime, HeadEnd: series.HeadEnd, TailStart: series.TailStart, ToTime: series.ToTime,
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			sums.Buckets[row.Part-1] = stats.TransactionCounts{
				Draws: row.Draws, Wins: row.Wins, Capped: row.Capped, Amount: decimalOf(row.Amount), Discount: decimalOf(row.Discount),
				Cancelled: row.Cancelled, CancelledAmount: decimalOf(row.CancelledAmount), CancelledDiscount: decimalOf(row.CancelledDiscount),
			}
		}
		totals, err := s.pool.queries.StatsTransactionWindows(ctx, tx, (*dbsqlc.StatsTransactionWindowsParams)(&windows))
		if err != nil {
			return err
		}
		for _, row := range totals {
			sums.Windows[row.Part][row.TierID] = transactionCounts(row)
		}
		var ids []int64
		for id := range sums.Windows[stats.WindowRange] {
			ids = append(ids, id)
		}
		tiers, err := s.pool.queries.StatsTierNames(ctx, tx, ids)
		for _, tier := range tiers {
			names[tier.TierID] = tier.Name
		}
		return err
	})
	return sums, names, err
}

func transactionCounts(row dbsqlc.StatsTransactionWindowsRow) stats.TransactionCounts {
	return stats.TransactionCounts{
		Draws: row.Draws, Wins: row.Wins, Capped: row.Capped, Promised: stats.Promised(decimalOf(row.Threshold)),
		Amount: decimalOf(row.Amount), Discount: decimalOf(row.Discount), Cancelled: row.Cancelled, CancelledWins: row.CancelledWins,
		CancelledAmount: decimalOf(row.CancelledAmount), CancelledDiscount: decimalOf(row.CancelledDiscount),
	}
}

// MailSums gives mails by outcome.
func (s *Stats) MailSums(ctx context.Context, r stats.Range) (stats.MailSums, error) {
	sums := stats.NewSums[stats.MailCounts, string, int64](r)
	err := s.read(ctx, r, func(tx dbsqlc.DBTX, series seriesParams, windows windowsParams) error {
		rows, err := s.pool.queries.StatsMailSeries(ctx, tx, (*dbsqlc.StatsMailSeriesParams)(&series))
		if err != nil {
			return err
		}
		for _, row := range rows {
			sums.Buckets[row.Part-1] = stats.MailCounts{
				Sent: row.Sent, Dead: row.Dead, Expired: row.Expired, Suppressed: row.Suppressed, Cancelled: row.Cancelled, Retried: row.Retried,
			}
		}
		totals, err := s.pool.queries.StatsMailWindows(ctx, tx, (*dbsqlc.StatsMailWindowsParams)(&windows))
		for _, row := range totals {
			sums.Windows[row.Part][row.Outcome] = row.Mails
		}
		return err
	})
	return sums, err
}

// The parameters are the same for every noun.
type (
	seriesParams  dbsqlc.StatsAPISeriesParams
	windowsParams dbsqlc.StatsAPIWindowsParams
)

// read runs fn in a transaction with one snapshot, with the range cut for the zone that
// this snapshot has days of. Each statement is planned for itself: the plan for a day is
// not that for a year.
func (s *Stats) read(ctx context.Context, r stats.Range, fn func(dbsqlc.DBTX, seriesParams, windowsParams) error) error {
	o := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return mapError(pgx.BeginTxFunc(ctx, s.pool, o, func(tx pgx.Tx) error {
		row, err := s.pool.queries.StatsZone(ctx, tx)
		if err != nil {
			return err
		}
		days := r.Calendar
		if row.TimeZone != days.Zone.String() {
			if days.Zone, err = time.LoadLocation(row.TimeZone); err != nil {
				return problem.Newf(problem.Unavailable, "The days are those of the zone %s, which this server does not know.", row.TimeZone).WithCause(err)
			}
		}
		return fn(customPlans{tx}, seriesOf(r, days), windowsOf(r, days))
	}))
}

func seriesOf(r stats.Range, days stats.Calendar) seriesParams {
	cut := r.Series(days)
	p := seriesParams{
		TimeZone: days.Zone.String(), Starts: r.Starts, Days: make([]pgtype.Date, len(r.Starts)),
		FirstDay: dateOf(cut.FirstDay), LastDay: dateOf(cut.LastDay), FirstHour: cut.FirstHour, LastHour: cut.LastHour,
		FromTime: cut.From, HeadEnd: cut.HeadEnd, TailStart: cut.TailStart, ToTime: cut.To,
	}
	for i, start := range r.Starts {
		p.Days[i] = dateOf(stats.Date(start.In(days.Zone)))
	}
	return p
}

func windowsOf(r stats.Range, days stats.Calendar) windowsParams {
	p := windowsParams{TimeZone: days.Zone.String()}
	for window, cut := range r.Cuts(days) {
		p.Parts = append(p.Parts, int32(window))
		p.FirstDays, p.LastDays = append(p.FirstDays, dateOf(cut.FirstDay)), append(p.LastDays, dateOf(cut.LastDay))
		p.FromTimes, p.HeadEnds = append(p.FromTimes, cut.From), append(p.HeadEnds, cut.HeadEnd)
		p.TailStarts, p.ToTimes = append(p.TailStarts, cut.TailStart), append(p.ToTimes, cut.To)
	}
	return p
}
