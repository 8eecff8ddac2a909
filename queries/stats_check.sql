-- name: StatsCheck :many
-- Reads the log, codes, transactions and outcomes from that day on, in one snapshot
-- and without a lock; what agrees is told by its number alone.
SELECT c.noun::text AS noun, c.day::text AS day, c.count::text AS count, c.counted::text AS counted, c.proven::text AS proven,
       c.difference::text AS difference, c.compared::bigint AS compared, (c.difference <> 0)::boolean AS differs
FROM (SELECT x.*, count(*) OVER () AS compared, row_number() OVER (ORDER BY x.difference = 0, x.day, x.noun, x.count) AS n
      FROM sespan.stats_check(sqlc.narg(since)::date, true) AS x) AS c
WHERE c.difference <> 0 OR c.n = 1
ORDER BY c.n;
