-- name: StatsFold :one
-- Locks the row of the horizon, which only this changes; ran is false while
-- another process does it. Reads by the index on xid what was appended since.
SELECT (f.folded IS NOT NULL)::boolean AS ran, f.more::boolean AS more, coalesce(f.fresh, 0)::bigint AS fresh
FROM sespan.stats_fold() AS f (folded, more, fresh);

-- name: StatsFoldedAt :one
SELECT h.folded_at FROM sespan.stats_horizon AS h;

-- name: StatsPartitionEnsure :one
-- Locks as PartitionEnsure, waiting 50 ms at most.
SELECT sespan.stats_partition_ensure(@hours::int, @most::int)::int AS made;

-- name: StatsRetire :one
-- Drops one hour, waiting at most 50 ms for ACCESS EXCLUSIVE on the table, its
-- default partition and the hour.
SELECT r.outcome::text AS outcome, coalesce(r.hour, '')::text AS hour FROM sespan.stats_retire() AS r (outcome, hour);

-- name: StatsSetTimeZone :one
-- Waits for a fold that runs; writes nothing where the zone is in use.
SELECT sespan.stats_set_time_zone(@zone::text)::boolean AS in_use;

-- name: StatsSumDays :one
-- Waits for a fold that runs; a portion is some hundred thousand quarters at most.
SELECT sespan.stats_sum_days()::boolean AS in_use;
