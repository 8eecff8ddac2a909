-- What every process looks at now and then, for the gauges of its metrics. They lock nothing
-- that anybody waits for.

-- The first one reads nothing of ours: it answers whatever became of the schema.
-- name: HealthServer :one
SELECT clock_timestamp()::timestamptz AS now,
    (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean)::boolean AS read_only,
    (SELECT coalesce(sum(d.numbackends), 0) FROM pg_catalog.pg_stat_database d)::bigint AS connections,
    (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0))::bigint AS max_connections; -- the last from PostgreSQL 16 on

-- Epochs of draws after today's, without a gap; -1: today's is missing. Compared: the moment in seconds; 0 where living keys belong to people who were never compared, -1 where none does.
-- name: HealthSchema :one
SELECT (NOT EXISTS (SELECT FROM sespan.triggers_off() AS t WHERE t.counts))::boolean AS counting, sespan.mail_workers()::bigint AS mail_workers,
    coalesce((SELECT max(n) FROM generate_series(0, 30) n WHERE NOT EXISTS (
        SELECT FROM generate_series(0, n) d WHERE NOT EXISTS (SELECT FROM sespan.draw_epoch e WHERE e.draw_epoch = sespan.draw_epoch_today() + d))), -1)::bigint AS epochs_ahead,
    coalesce((SELECT extract(epoch FROM c.compared_at) FROM sespan.people_comparison c),
        CASE WHEN EXISTS (SELECT FROM sespan.api_key k
                          WHERE k.owner_id IS NOT NULL AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()))
             THEN 0 ELSE -1 END)::float8 AS compared;

-- name: HealthPartitions :many
SELECT p.parent::text AS parent, p.unit::text AS unit, p.ahead::bigint AS ahead, p.default_rows::bigint AS default_rows
FROM sespan.partition_state() AS p (parent, unit, ahead, default_rows);

-- All that was ever counted: days, of which there are few, and what is not folded yet; exact
-- as the views of quarters are. One snapshot for all. After ten years with 20 tiers, and with
-- 60,000 fresh rows, it reads 3,400 blocks; statement_timeout ends what would take longer.
-- name: HealthCounts :many
SELECT 'api_calls'::text AS count, a.request_type::text AS label, a.outcome::text AS event, sum(a.calls)::float8 AS value
FROM sespan.stats_api_day_total a GROUP BY a.request_type, a.outcome
UNION ALL
SELECT 'codes', o.purpose, x.event, x.value
FROM (SELECT purpose, sum(issued) AS issued, sum(resent) AS resent, sum(verified) AS verified, sum(failed) AS failed, sum(locked) AS locked,
          sum(expired) AS expired FROM sespan.stats_otp_day_total GROUP BY purpose) o
CROSS JOIN LATERAL (VALUES ('issued', o.issued::float8), ('resent', o.resent), ('verified', o.verified), ('failed', o.failed), ('locked', o.locked),
    ('expired', o.expired)) AS x (event, value)
UNION ALL
SELECT x.event, coalesce(t.tier_id::text, 'none'), '', x.value
FROM (SELECT tier_id, sum(draws) AS draws, sum(wins) AS wins, sum(capped) AS capped, sum(promised) AS promised, sum(amount) AS amount, sum(discount) AS discount,
          sum(cancelled) AS cancelled
      FROM (SELECT tier_id, draws, wins, capped, promised, amount, discount, cancelled FROM sespan.stats_transaction_day_total
            UNION ALL SELECT tier_id, 0, 0, 0, 0, 0, 0, 0 FROM sespan.transaction_tier) d -- tiers that nobody has drawn yet
      GROUP BY tier_id) t
CROSS JOIN LATERAL (VALUES ('draws', t.draws::float8), ('wins', t.wins), ('capped_wins', t.capped), ('promised_wins', t.promised), ('amount', t.amount), ('discount', t.discount),
    ('cancellations', t.cancelled)) AS x (event, value)
UNION ALL
SELECT 'mails', '', m.outcome, sum(m.mails)::float8 FROM sespan.stats_mail_day_total m GROUP BY m.outcome;

-- Shares of the budgets that are used, -1 where there is no budget; nothing at all is used up.
-- name: HealthTiers :many
SELECT t.tier_id, t.probability::float8 AS probability,
    (t.is_active AND coalesce(t.starts_at <= now(), true) AND coalesce(t.ends_at > now(), true))::boolean AS active,
    coalesce(CASE WHEN t.budget_uses = 0 THEN 1 ELSE coalesce(u.uses, 0)::numeric / t.budget_uses END, -1)::float8 AS uses_ratio,
    coalesce(CASE WHEN t.budget_amount = 0 THEN 1 ELSE coalesce(u.amount, 0) / t.budget_amount END, -1)::float8 AS amount_ratio
FROM sespan.transaction_tier t LEFT JOIN sespan.transaction_tier_usage u ON u.tier_id = t.tier_id
ORDER BY t.tier_id;
