// Package stats says how counts are read: which range, in which steps, in whose days.
// What is counted, and that each count is seen once, is the database's business
// (sql/migrations/025_stats.sql to 029_stats_mail.sql); docs/statistics.md lists it.
//
// Counts are kept by quarter of an hour (UTC) and by day of the site's zone. A range
// begins and ends on a quarter; its buckets are hours, days, ISO weeks or months of
// SESPAN_TIME_ZONE, so a day may have 23, 24 or 25 hours, and where the zone's offset is
// +5:45 an hour begins at a quarter past:
//
//	          from                                               to
//	───────────│──────┬───────────────┬───────────────┬─────────│────────▶
//	           │ head │    whole days of the zone     │  tail   │
//	           │quart.│         (day level)           │quarters │
//	   ┌───────┴──────┼───────────────┼───────────────┼─────────┴─────┐
//	   bucket 1         bucket 2        bucket 3        bucket 4
//
// A bucket that the range cuts counts what lies inside the range. Sums of a range read
// its whole days from the day level and the rest from the quarters (Cut), so that a
// year, or all that was ever counted, costs hundreds of rows and not a hundred
// thousand.
package stats
