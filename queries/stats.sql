-- Reading the counts. Every statement is one of a read-only transaction at REPEATABLE
-- READ that first reads the zone of the days (StatsZone): all of a call is of one
-- snapshot. They lock nothing.
--
-- What is not folded yet is read once (fresh: as the views stats_<noun>_total do, but
-- summed before it meets the windows), the rest from the days of that zone, from
-- hours and from quarters, as stats.Cut says.

-- name: StatsZone :one
-- Zone of the days. Compiling would take longer than any of the statements that follow.
SELECT time_zone, set_config('jit', 'off', true)::text AS jit FROM sespan.stats_horizon;

-- name: StatsTierNames :many
SELECT i.tier_id::bigint AS tier_id, sespan.tier_name(i.tier_id)::text AS name
FROM unnest(@tier_ids::bigint[]) AS i (tier_id)
WHERE sespan.tier_name(i.tier_id) IS NOT NULL;

-- name: StatsAPISeries :many
-- By bucket, the first is 1: days by the dates of @days, hours and quarters by the times of @starts. A bucket may
-- come in several rows: to group the 24,000 of 2,400 hours takes as long as to find them, and saves no row.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.request_type, f.outcome, sum(f.calls)::bigint AS calls
    FROM sespan.stats_api_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.request_type, f.outcome
)
SELECT x.part::integer AS part, x.request_type, x.outcome, x.calls::bigint AS calls
FROM (
    SELECT width_bucket(d.day, @days::date[]) AS part, d.request_type, d.outcome, d.calls
    FROM sespan.stats_api_day d WHERE d.time_zone = @time_zone::text AND d.day >= @first_day::date AND d.day < @last_day::date
    UNION ALL
    SELECT width_bucket(h.bucket, @starts::timestamptz[]), h.request_type, h.outcome, h.calls
    FROM sespan.stats_api_hour h WHERE h.bucket >= @first_hour::timestamptz AND h.bucket < @last_hour::timestamptz
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.request_type, q.outcome, q.calls
    FROM sespan.stats_api_quarter q WHERE q.bucket >= @from_time::timestamptz AND q.bucket < @head_end::timestamptz
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.request_type, q.outcome, q.calls
    FROM sespan.stats_api_quarter q WHERE q.bucket >= @tail_start::timestamptz AND q.bucket < @to_time::timestamptz
    UNION ALL
    SELECT width_bucket(f.bucket, @starts::timestamptz[]), f.request_type, f.outcome, f.calls
    FROM fresh f WHERE f.bucket >= @from_time::timestamptz AND f.bucket < @to_time::timestamptz
) AS x;

-- name: StatsAPIWindows :many
-- By window; the arrays have one element for each.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.request_type, f.outcome, sum(f.calls)::bigint AS calls, sum(f.le_5)::bigint AS le_5, sum(f.le_10)::bigint AS le_10,
        sum(f.le_25)::bigint AS le_25, sum(f.le_50)::bigint AS le_50, sum(f.le_100)::bigint AS le_100, sum(f.le_250)::bigint AS le_250,
        sum(f.le_500)::bigint AS le_500, sum(f.le_1000)::bigint AS le_1000, sum(f.le_2500)::bigint AS le_2500, sum(f.le_5000)::bigint AS le_5000,
        sum(f.le_inf)::bigint AS le_inf
    FROM sespan.stats_api_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.request_type, f.outcome
)
SELECT w.part::integer AS part, x.request_type, x.outcome, sum(x.calls)::bigint AS calls, sum(x.le_5)::bigint AS le_5, sum(x.le_10)::bigint AS
    le_10, sum(x.le_25)::bigint AS le_25, sum(x.le_50)::bigint AS le_50, sum(x.le_100)::bigint AS le_100, sum(x.le_250)::bigint AS le_250,
    sum(x.le_500)::bigint AS le_500, sum(x.le_1000)::bigint AS le_1000, sum(x.le_2500)::bigint AS le_2500, sum(x.le_5000)::bigint AS le_5000,
    sum(x.le_inf)::bigint AS le_inf
FROM (SELECT
    unnest(@parts::integer[]) AS part,
    unnest(@first_days::date[]) AS first_day,
    unnest(@last_days::date[]) AS last_day,
    unnest(@from_times::timestamptz[]) AS from_time,
    unnest(@head_ends::timestamptz[]) AS head_end,
    unnest(@tail_starts::timestamptz[]) AS tail_start,
    unnest(@to_times::timestamptz[]) AS to_time) AS w
CROSS JOIN LATERAL (
    SELECT d.request_type, d.outcome, d.calls, d.le_5, d.le_10, d.le_25, d.le_50, d.le_100, d.le_250, d.le_500, d.le_1000, d.le_2500, d.le_5000,
        d.le_inf
    FROM sespan.stats_api_day d WHERE d.time_zone = @time_zone::text AND d.day >= w.first_day AND d.day < w.last_day
    UNION ALL
    SELECT q.request_type, q.outcome, q.calls, q.le_5, q.le_10, q.le_25, q.le_50, q.le_100, q.le_250, q.le_500, q.le_1000, q.le_2500, q.le_5000,
        q.le_inf
    FROM sespan.stats_api_quarter q WHERE q.bucket >= w.from_time AND q.bucket < w.head_end
    UNION ALL
    SELECT q.request_type, q.outcome, q.calls, q.le_5, q.le_10, q.le_25, q.le_50, q.le_100, q.le_250, q.le_500, q.le_1000, q.le_2500, q.le_5000,
        q.le_inf
    FROM sespan.stats_api_quarter q WHERE q.bucket >= w.tail_start AND q.bucket < w.to_time
    UNION ALL
    SELECT f.request_type, f.outcome, f.calls, f.le_5, f.le_10, f.le_25, f.le_50, f.le_100, f.le_250, f.le_500, f.le_1000, f.le_2500, f.le_5000,
        f.le_inf
    FROM fresh f WHERE f.bucket >= w.from_time AND f.bucket < w.to_time
) AS x
GROUP BY w.part, x.request_type, x.outcome;

-- name: StatsOTPSeries :many
-- By bucket, the first is 1: days by the dates of @days, hours and quarters by the times of @starts.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.purpose, sum(f.issued)::bigint AS issued, sum(f.resent)::bigint AS resent, sum(f.verified)::bigint AS verified,
        sum(f.failed)::bigint AS failed, sum(f.locked)::bigint AS locked, sum(f.expired)::bigint AS expired
    FROM sespan.stats_otp_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.purpose
)
SELECT x.part::integer AS part, sum(x.issued)::bigint AS issued, sum(x.resent)::bigint AS resent, sum(x.verified)::bigint AS verified,
    sum(x.failed)::bigint AS failed, sum(x.locked)::bigint AS locked, sum(x.expired)::bigint AS expired
FROM (
    SELECT width_bucket(d.day, @days::date[]) AS part, d.issued, d.resent, d.verified, d.failed, d.locked, d.expired
    FROM sespan.stats_otp_day d WHERE d.time_zone = @time_zone::text AND d.day >= @first_day::date AND d.day < @last_day::date
    UNION ALL
    SELECT width_bucket(h.bucket, @starts::timestamptz[]), h.issued, h.resent, h.verified, h.failed, h.locked, h.expired
    FROM sespan.stats_otp_hour h WHERE h.bucket >= @first_hour::timestamptz AND h.bucket < @last_hour::timestamptz
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.issued, q.resent, q.verified, q.failed, q.locked, q.expired
    FROM sespan.stats_otp_quarter q WHERE q.bucket >= @from_time::timestamptz AND q.bucket < @head_end::timestamptz
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.issued, q.resent, q.verified, q.failed, q.locked, q.expired
    FROM sespan.stats_otp_quarter q WHERE q.bucket >= @tail_start::timestamptz AND q.bucket < @to_time::timestamptz
    UNION ALL
    SELECT width_bucket(f.bucket, @starts::timestamptz[]), f.issued, f.resent, f.verified, f.failed, f.locked, f.expired
    FROM fresh f WHERE f.bucket >= @from_time::timestamptz AND f.bucket < @to_time::timestamptz
) AS x
GROUP BY x.part;

-- name: StatsOTPWindows :many
-- By window; the arrays have one element for each.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.purpose, sum(f.issued)::bigint AS issued, sum(f.resent)::bigint AS resent, sum(f.verified)::bigint AS verified,
        sum(f.failed)::bigint AS failed, sum(f.locked)::bigint AS locked, sum(f.expired)::bigint AS expired
    FROM sespan.stats_otp_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.purpose
)
SELECT w.part::integer AS part, x.purpose, sum(x.issued)::bigint AS issued, sum(x.resent)::bigint AS resent, sum(x.verified)::bigint AS verified,
    sum(x.failed)::bigint AS failed, sum(x.locked)::bigint AS locked, sum(x.expired)::bigint AS expired
FROM (SELECT
    unnest(@parts::integer[]) AS part,
    unnest(@first_days::date[]) AS first_day,
    unnest(@last_days::date[]) AS last_day,
    unnest(@from_times::timestamptz[]) AS from_time,
    unnest(@head_ends::timestamptz[]) AS head_end,
    unnest(@tail_starts::timestamptz[]) AS tail_start,
    unnest(@to_times::timestamptz[]) AS to_time) AS w
CROSS JOIN LATERAL (
    SELECT d.purpose, d.issued, d.resent, d.verified, d.failed, d.locked, d.expired
    FROM sespan.stats_otp_day d WHERE d.time_zone = @time_zone::text AND d.day >= w.first_day AND d.day < w.last_day
    UNION ALL
    SELECT q.purpose, q.issued, q.resent, q.verified, q.failed, q.locked, q.expired
    FROM sespan.stats_otp_quarter q WHERE q.bucket >= w.from_time AND q.bucket < w.head_end
    UNION ALL
    SELECT q.purpose, q.issued, q.resent, q.verified, q.failed, q.locked, q.expired
    FROM sespan.stats_otp_quarter q WHERE q.bucket >= w.tail_start AND q.bucket < w.to_time
    UNION ALL
    SELECT f.purpose, f.issued, f.resent, f.verified, f.failed, f.locked, f.expired
    FROM fresh f WHERE f.bucket >= w.from_time AND f.bucket < w.to_time
) AS x
GROUP BY w.part, x.purpose;

-- name: StatsTransactionSeries :many
-- By bucket, the first is 1: days by the dates of @days, hours and quarters by the times of @starts.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.tier_id, sum(f.draws)::bigint AS draws, sum(f.wins)::bigint AS wins, sum(f.capped)::bigint AS capped, sum(f.amount)::numeric
        AS amount, sum(f.discount)::numeric AS discount, sum(f.cancelled)::bigint AS cancelled, sum(f.cancelled_amount)::numeric AS
        cancelled_amount, sum(f.cancelled_discount)::numeric AS cancelled_discount
    FROM sespan.stats_transaction_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.tier_id
)
SELECT x.part::integer AS part, sum(x.draws)::bigint AS draws, sum(x.wins)::bigint AS wins, sum(x.capped)::bigint AS capped, sum(x.amount)::numeric
    AS amount, sum(x.discount)::numeric AS discount, sum(x.cancelled)::bigint AS cancelled, sum(x.cancelled_amount)::numeric AS cancelled_amount,
    sum(x.cancelled_discount)::numeric AS cancelled_discount
FROM (
    SELECT width_bucket(d.day, @days::date[]) AS part, d.draws, d.wins, d.capped, d.amount, d.discount, d.cancelled, d.cancelled_amount,
        d.cancelled_discount
    FROM sespan.stats_transaction_day d WHERE d.time_zone = @time_zone::text AND d.day >= @first_day::date AND d.day < @last_day::date AND
        (sqlc.narg(tier_id)::bigint IS NULL OR coalesce(d.tier_id, 0) = sqlc.narg(tier_id)::bigint)
    UNION ALL
    SELECT width_bucket(h.bucket, @starts::timestamptz[]), h.draws, h.wins, h.capped, h.amount, h.discount, h.cancelled, h.cancelled_amount,
        h.cancelled_discount
    FROM sespan.stats_transaction_hour h WHERE h.bucket >= @first_hour::timestamptz AND h.bucket < @last_hour::timestamptz AND
        (sqlc.narg(tier_id)::bigint IS NULL OR coalesce(h.tier_id, 0) = sqlc.narg(tier_id)::bigint)
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.draws, q.wins, q.capped, q.amount, q.discount, q.cancelled, q.cancelled_amount,
        q.cancelled_discount
    FROM sespan.stats_transaction_quarter q WHERE q.bucket >= @from_time::timestamptz AND q.bucket < @head_end::timestamptz AND
        (sqlc.narg(tier_id)::bigint IS NULL OR coalesce(q.tier_id, 0) = sqlc.narg(tier_id)::bigint)
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.draws, q.wins, q.capped, q.amount, q.discount, q.cancelled, q.cancelled_amount,
        q.cancelled_discount
    FROM sespan.stats_transaction_quarter q WHERE q.bucket >= @tail_start::timestamptz AND q.bucket < @to_time::timestamptz AND
        (sqlc.narg(tier_id)::bigint IS NULL OR coalesce(q.tier_id, 0) = sqlc.narg(tier_id)::bigint)
    UNION ALL
    SELECT width_bucket(f.bucket, @starts::timestamptz[]), f.draws, f.wins, f.capped, f.amount, f.discount, f.cancelled, f.cancelled_amount,
        f.cancelled_discount
    FROM fresh f WHERE f.bucket >= @from_time::timestamptz AND f.bucket < @to_time::timestamptz AND (sqlc.narg(tier_id)::bigint IS NULL OR
        coalesce(f.tier_id, 0) = sqlc.narg(tier_id)::bigint)
) AS x
GROUP BY x.part;

-- name: StatsTransactionWindows :many
-- By window; the arrays have one element for each.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.tier_id, sum(f.draws)::bigint AS draws, sum(f.wins)::bigint AS wins, sum(f.capped)::bigint AS capped,
        sum(f.threshold)::numeric AS threshold, sum(f.amount)::numeric AS amount, sum(f.discount)::numeric AS discount, sum(f.cancelled)::bigint AS
        cancelled, sum(f.cancelled_wins)::bigint AS cancelled_wins, sum(f.cancelled_amount)::numeric AS cancelled_amount,
        sum(f.cancelled_discount)::numeric AS cancelled_discount
    FROM sespan.stats_transaction_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.tier_id
)
SELECT w.part::integer AS part, coalesce(x.tier_id, 0)::bigint AS tier_id, sum(x.draws)::bigint AS draws, sum(x.wins)::bigint AS wins,
    sum(x.capped)::bigint AS capped, sum(x.threshold)::numeric AS threshold, sum(x.amount)::numeric AS amount, sum(x.discount)::numeric AS discount,
    sum(x.cancelled)::bigint AS cancelled, sum(x.cancelled_wins)::bigint AS cancelled_wins, sum(x.cancelled_amount)::numeric AS cancelled_amount,
    sum(x.cancelled_discount)::numeric AS cancelled_discount
FROM (SELECT
    unnest(@parts::integer[]) AS part,
    unnest(@first_days::date[]) AS first_day,
    unnest(@last_days::date[]) AS last_day,
    unnest(@from_times::timestamptz[]) AS from_time,
    unnest(@head_ends::timestamptz[]) AS head_end,
    unnest(@tail_starts::timestamptz[]) AS tail_start,
    unnest(@to_times::timestamptz[]) AS to_time) AS w
CROSS JOIN LATERAL (
    SELECT d.tier_id, d.draws, d.wins, d.capped, d.threshold, d.amount, d.discount, d.cancelled, d.cancelled_wins, d.cancelled_amount,
        d.cancelled_discount
    FROM sespan.stats_transaction_day d WHERE d.time_zone = @time_zone::text AND d.day >= w.first_day AND d.day < w.last_day
    UNION ALL
    SELECT q.tier_id, q.draws, q.wins, q.capped, q.threshold, q.amount, q.discount, q.cancelled, q.cancelled_wins, q.cancelled_amount,
        q.cancelled_discount
    FROM sespan.stats_transaction_quarter q WHERE q.bucket >= w.from_time AND q.bucket < w.head_end
    UNION ALL
    SELECT q.tier_id, q.draws, q.wins, q.capped, q.threshold, q.amount, q.discount, q.cancelled, q.cancelled_wins, q.cancelled_amount,
        q.cancelled_discount
    FROM sespan.stats_transaction_quarter q WHERE q.bucket >= w.tail_start AND q.bucket < w.to_time
    UNION ALL
    SELECT f.tier_id, f.draws, f.wins, f.capped, f.threshold, f.amount, f.discount, f.cancelled, f.cancelled_wins, f.cancelled_amount,
        f.cancelled_discount
    FROM fresh f WHERE f.bucket >= w.from_time AND f.bucket < w.to_time
) AS x
GROUP BY w.part, x.tier_id;

-- name: StatsMailSeries :many
-- By bucket, the first is 1: days by the dates of @days, hours and quarters by the times of @starts.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.outcome, sum(f.mails)::bigint AS mails
    FROM sespan.stats_mail_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.outcome
)
SELECT x.part::integer AS part, coalesce(sum(x.mails) FILTER (WHERE x.outcome = 'sent'), 0)::bigint AS sent, coalesce(sum(x.mails) FILTER (WHERE
    x.outcome = 'dead'), 0)::bigint AS dead, coalesce(sum(x.mails) FILTER (WHERE x.outcome = 'expired'), 0)::bigint AS expired,
    coalesce(sum(x.mails) FILTER (WHERE x.outcome = 'suppressed'), 0)::bigint AS suppressed, coalesce(sum(x.mails) FILTER (WHERE x.outcome =
    'cancelled'), 0)::bigint AS cancelled, coalesce(sum(x.mails) FILTER (WHERE x.outcome = 'retried'), 0)::bigint AS retried
FROM (
    SELECT width_bucket(d.day, @days::date[]) AS part, d.outcome, d.mails
    FROM sespan.stats_mail_day d WHERE d.time_zone = @time_zone::text AND d.day >= @first_day::date AND d.day < @last_day::date
    UNION ALL
    SELECT width_bucket(h.bucket, @starts::timestamptz[]), h.outcome, h.mails
    FROM sespan.stats_mail_hour h WHERE h.bucket >= @first_hour::timestamptz AND h.bucket < @last_hour::timestamptz
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.outcome, q.mails
    FROM sespan.stats_mail_quarter q WHERE q.bucket >= @from_time::timestamptz AND q.bucket < @head_end::timestamptz
    UNION ALL
    SELECT width_bucket(q.bucket, @starts::timestamptz[]), q.outcome, q.mails
    FROM sespan.stats_mail_quarter q WHERE q.bucket >= @tail_start::timestamptz AND q.bucket < @to_time::timestamptz
    UNION ALL
    SELECT width_bucket(f.bucket, @starts::timestamptz[]), f.outcome, f.mails
    FROM fresh f WHERE f.bucket >= @from_time::timestamptz AND f.bucket < @to_time::timestamptz
) AS x
GROUP BY x.part;

-- name: StatsMailWindows :many
-- By window; the arrays have one element for each.
WITH fresh AS MATERIALIZED (
    SELECT f.bucket, f.outcome, sum(f.mails)::bigint AS mails
    FROM sespan.stats_mail_appended f
    WHERE f.xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND f.xid <= '18446744073709551615'
    GROUP BY f.bucket, f.outcome
)
SELECT w.part::integer AS part, x.outcome, sum(x.mails)::bigint AS mails
FROM (SELECT
    unnest(@parts::integer[]) AS part,
    unnest(@first_days::date[]) AS first_day,
    unnest(@last_days::date[]) AS last_day,
    unnest(@from_times::timestamptz[]) AS from_time,
    unnest(@head_ends::timestamptz[]) AS head_end,
    unnest(@tail_starts::timestamptz[]) AS tail_start,
    unnest(@to_times::timestamptz[]) AS to_time) AS w
CROSS JOIN LATERAL (
    SELECT d.outcome, d.mails
    FROM sespan.stats_mail_day d WHERE d.time_zone = @time_zone::text AND d.day >= w.first_day AND d.day < w.last_day
    UNION ALL
    SELECT q.outcome, q.mails
    FROM sespan.stats_mail_quarter q WHERE q.bucket >= w.from_time AND q.bucket < w.head_end
    UNION ALL
    SELECT q.outcome, q.mails
    FROM sespan.stats_mail_quarter q WHERE q.bucket >= w.tail_start AND q.bucket < w.to_time
    UNION ALL
    SELECT f.outcome, f.mails
    FROM fresh f WHERE f.bucket >= w.from_time AND f.bucket < w.to_time
) AS x
GROUP BY w.part, x.outcome;
