package cli

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"sespan/internal/postgres"
)

const daysAhead = 7 // maintenance makes them; today is one more

// checkPartitions looks whether maintenance keeps ahead of time.
func (x *examination) checkPartitions(ctx context.Context) []finding {
	tables, err := postgres.NewHealth(x.pool).Partitions(ctx)
	if err != nil {
		return failed(err)
	}
	var out []finding
	days := int64(math.MaxInt64)
	for _, t := range tables {
		out = append(out, judgePartitions(t)...)
		if !t.Hours {
			days = min(days, t.Ahead)
		}
	}
	if len(out) > 0 {
		return out
	}
	return well("%d tables have theirs, %d days ahead; nothing is in a default partition", len(tables), days)
}

func judgePartitions(t postgres.PartitionHealth) []finding {
	const run = "let a sespan serve run maintenance (SESPAN_RUN); its log says why it cannot"
	table := "sespan." + t.Table
	switch {
	case t.DefaultRows > 0:
		return wrong(fmt.Sprintf("%d rows of %s are in its default partition, which takes what has no partition of its own", t.DefaultRows, table), run+"; it moves the rows when it makes their partition")
	case t.Ahead < 0 && t.Hours: // nothing was counted in vain: where no maintenance runs, hours are made late
		return warning(table+" has no partition of this hour", run)
	case t.Ahead < 0:
		return wrong(table+" has no partition of today", run)
	case t.Ahead < daysAhead-1 && !t.Hours: // just after midnight the last one is not made yet
		return warning(fmt.Sprintf("%s has partitions for %d days ahead only", table, t.Ahead), run)
	}
	return nil
}

const (
	leastDead    = 10_000        // fewer dead rows are no matter
	freezeFactor = 1.25          // of autovacuum_freeze_max_age: later than that it has not kept up
	wrapWrong    = 1_600_000_000 // vacuum_failsafe_age: the server itself drops everything else for it
)

// checkVacuum looks whether autovacuum keeps up with our tables.
func (x *examination) checkVacuum(ctx context.Context) []finding {
	w, err := x.doctor().Wraparound(ctx)
	if err != nil {
		return failed(err)
	}
	dead, err := x.doctor().DeadRows(ctx, leastDead)
	if err != nil {
		return failed(err)
	}
	out := judgeWraparound(w)
	if !w.Autovacuum {
		out = append(out, warning("autovacuum is off on this server: dead rows stay, and claims and counts get slow", "ALTER SYSTEM SET autovacuum = on, then SELECT pg_reload_conf()")...)
	}
	for _, d := range dead {
		out = append(out, warning(fmt.Sprintf("%s has %d dead rows beside %d live ones, last vacuumed %s", d.Table, d.Dead, d.Live, since(d.VacuumedAt, x.now())),
			"VACUUM "+d.Table+"; where that frees nothing, end what holds an old snapshot (pg_stat_activity.backend_xmin, pg_prepared_xacts, pg_replication_slots)")...)
	}
	if len(out) > 0 {
		return out
	}
	return well("autovacuum keeps up; the oldest rows are %s transactions old (%s)", thousands(w.Age), w.Table)
}

func judgeWraparound(w postgres.Wraparound) []finding {
	text := fmt.Sprintf("rows of %s are %s transactions old, and autovacuum freezes them at %s", w.Table, thousands(w.Age), thousands(w.FreezeAt))
	mend := "VACUUM (FREEZE) " + w.Table + ", and see what keeps autovacuum from it: an old snapshot, or its workers are too few"
	switch {
	case w.Age > wrapWrong:
		return wrong(text+"; the server stops taking writes at about 2,100,000,000", mend)
	case float64(w.Age) > freezeFactor*float64(w.FreezeAt):
		return warning(text, mend)
	}
	return nil
}

func since(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return now.Sub(at).Round(time.Minute).String() + " ago"
}

// thousands groups the digits of a number.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// fullLog is the share of its bytes from which on the log is said to be filling.
const fullLog = 0.8

// checkAPILog compares the log with its bounds, and its growth with its days.
func (x *examination) checkAPILog(ctx context.Context) []finding {
	l, err := x.doctor().LogSize(ctx)
	if err != nil {
		return failed(err)
	}
	return judgeLog(l, x.settings.APILogMaxBytes, x.settings.APILogDays, x.now())
}

func judgeLog(l postgres.LogSize, most int64, days int, now time.Time) []finding {
	kept := 0
	if oldest, err := time.Parse("20060102", l.OldestDay); err == nil {
		kept = int(now.UTC().Truncate(24*time.Hour).Sub(oldest)/(24*time.Hour)) + 1
	}
	text := fmt.Sprintf("%s of %s (%.0f %%), %d of %d days", bytesText(l.Bytes), bytesText(most), 100*float64(l.Bytes)/float64(most), kept, days)
	if l.BytesADay > 0 {
		text += ", grows by " + bytesText(l.BytesADay) + " a day"
	}
	const mend = "raise SESPAN_API_LOG_MAX_BYTES, or lower SESPAN_API_LOG_DAYS to what fits"
	fits := int64(days)
	if l.BytesADay > 0 {
		fits = most / l.BytesADay
	}
	switch {
	case kept > days+1:
		return wrong(text+": days that are over stay", "let a sespan serve run maintenance (SESPAN_RUN); its log says why it cannot")
	case l.Bytes > most:
		return wrong(text+": it is over its bound, and new rows are sampled", mend+"; see that maintenance runs")
	case float64(l.Bytes) > fullLog*float64(most):
		return warning(text+": bodies of the oldest days go soon", mend)
	case fits < int64(days):
		return warning(fmt.Sprintf("%s: %d days fit at this pace, then bodies and days go early", text, fits), mend)
	}
	return well("%s", text)
}

func bytesText(n int64) string {
	units := strings.Fields("B KiB MiB GiB TiB PiB EiB")
	v, i := float64(n), 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
