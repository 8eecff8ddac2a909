-- Draws and cancellations: counted from transaction_log, by tier.

CREATE TABLE sespan.stats_transaction (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bucket timestamptz NOT NULL,
    tier_id bigint,
    draws int,
    wins int,
    capped int,
    threshold numeric,
    amount numeric,
    discount numeric,
    cancelled int,
    cancelled_wins int,
    cancelled_amount numeric,
    cancelled_discount numeric
) PARTITION BY RANGE (appended_at);
CREATE TABLE sespan.stats_transaction_default PARTITION OF sespan.stats_transaction DEFAULT;
ALTER TABLE sespan.stats_transaction REPLICA IDENTITY FULL;
ALTER TABLE sespan.stats_transaction_default REPLICA IDENTITY FULL;
CREATE INDEX stats_transaction_xid_idx ON sespan.stats_transaction (xid);

CREATE TABLE sespan.stats_transaction_quarter (
    bucket timestamptz NOT NULL,
    tier_id bigint,
    draws bigint NOT NULL,
    wins bigint NOT NULL,
    capped bigint NOT NULL,
    threshold numeric NOT NULL,
    amount numeric NOT NULL,
    discount numeric NOT NULL,
    cancelled bigint NOT NULL,
    cancelled_wins bigint NOT NULL,
    cancelled_amount numeric NOT NULL,
    cancelled_discount numeric NOT NULL,
    CONSTRAINT stats_transaction_quarter_key UNIQUE NULLS NOT DISTINCT (bucket, tier_id)
) WITH (fillfactor = 80);

CREATE TABLE sespan.stats_transaction_hour (LIKE sespan.stats_transaction_quarter INCLUDING ALL) WITH (fillfactor = 80);
COMMENT ON TABLE sespan.stats_transaction_hour IS 'Draws and cancellations by hour (UTC), up to the horizon: for the hours of zones whose offset is whole hours';
COMMENT ON COLUMN sespan.stats_transaction_hour.bucket IS 'Start of the hour (UTC) of the event';

CREATE TABLE sespan.stats_transaction_day (
    time_zone text NOT NULL,
    day date NOT NULL,
    tier_id bigint,
    draws bigint NOT NULL,
    wins bigint NOT NULL,
    capped bigint NOT NULL,
    threshold numeric NOT NULL,
    amount numeric NOT NULL,
    discount numeric NOT NULL,
    cancelled bigint NOT NULL,
    cancelled_wins bigint NOT NULL,
    cancelled_amount numeric NOT NULL,
    cancelled_discount numeric NOT NULL,
    CONSTRAINT stats_transaction_day_key UNIQUE NULLS NOT DISTINCT (time_zone, day, tier_id)
) WITH (fillfactor = 80);
-- No primary key, because tier_id may be NULL: see schema_version.
ALTER TABLE sespan.stats_transaction_quarter REPLICA IDENTITY FULL;
ALTER TABLE sespan.stats_transaction_hour REPLICA IDENTITY FULL;
ALTER TABLE sespan.stats_transaction_day REPLICA IDENTITY FULL;

COMMENT ON TABLE sespan.stats_transaction IS 'Draws and cancellations, appended in the commit of what they count; a partition per hour of appending, dropped some hours after they were folded';
COMMENT ON COLUMN sespan.stats_transaction.xid IS 'The transaction that appended it';
COMMENT ON COLUMN sespan.stats_transaction.appended_at IS 'When; the partition key';

COMMENT ON TABLE sespan.stats_transaction_quarter IS 'Draws and cancellations by quarter of an hour, up to the horizon; read stats_transaction_total';
COMMENT ON COLUMN sespan.stats_transaction_quarter.bucket IS 'Start of the quarter of an hour (UTC) of the event';
COMMENT ON COLUMN sespan.stats_transaction_quarter.tier_id IS 'The tier; NULL where none matched';
COMMENT ON COLUMN sespan.stats_transaction_quarter.draws IS 'Draws, those without a tier included';
COMMENT ON COLUMN sespan.stats_transaction_quarter.wins IS 'Draws that got a discount';
COMMENT ON COLUMN sespan.stats_transaction_quarter.capped IS 'Draws below the threshold that a limit turned away';
COMMENT ON COLUMN sespan.stats_transaction_quarter.threshold IS 'Sum of draw_threshold: the promised probability times 2^64';
COMMENT ON COLUMN sespan.stats_transaction_quarter.amount IS 'Sum of transaction_amount';
COMMENT ON COLUMN sespan.stats_transaction_quarter.discount IS 'Sum of transaction_amount - discounted_amount';
COMMENT ON COLUMN sespan.stats_transaction_quarter.cancelled IS 'Transactions that were cancelled';
COMMENT ON COLUMN sespan.stats_transaction_quarter.cancelled_wins IS 'Those of them that had a discount';
COMMENT ON COLUMN sespan.stats_transaction_quarter.cancelled_amount IS 'Sum of their transaction_amount';
COMMENT ON COLUMN sespan.stats_transaction_quarter.cancelled_discount IS 'Sum of their discounts';

COMMENT ON TABLE sespan.stats_transaction_day IS 'Draws and cancellations by day of a zone, up to the horizon; read stats_transaction_day_total';
COMMENT ON COLUMN sespan.stats_transaction_day.time_zone IS 'The zone of the day';
COMMENT ON COLUMN sespan.stats_transaction_day.day IS 'Day of the event in that zone';

CREATE VIEW sespan.stats_transaction_appended AS
SELECT xid, bucket, tier_id, coalesce(draws, 0)::bigint AS draws, coalesce(wins, 0)::bigint AS wins, coalesce(capped, 0)::bigint AS capped,
       coalesce(threshold, 0) AS threshold, coalesce(amount, 0) AS amount, coalesce(discount, 0) AS discount,
       coalesce(cancelled, 0)::bigint AS cancelled, coalesce(cancelled_wins, 0)::bigint AS cancelled_wins,
       coalesce(cancelled_amount, 0) AS cancelled_amount, coalesce(cancelled_discount, 0) AS cancelled_discount
FROM sespan.stats_transaction;
COMMENT ON VIEW sespan.stats_transaction_appended IS 'Appended counts in the columns of their sums';

CREATE VIEW sespan.stats_transaction_total AS
SELECT bucket, tier_id, draws, wins, capped, threshold / 18446744073709551616 AS promised, amount, discount, cancelled, cancelled_wins,
       cancelled_amount, cancelled_discount
FROM sespan.stats_transaction_quarter
UNION ALL
SELECT bucket, tier_id, draws, wins, capped, threshold / 18446744073709551616 AS promised, amount, discount, cancelled, cancelled_wins,
       cancelled_amount, cancelled_discount
FROM sespan.stats_transaction_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_transaction_total IS 'Draws at transaction_time and cancellations at cancelled_at, by tier by quarter of an hour (UTC), exact at any moment; several rows of a bucket are to be summed';

CREATE VIEW sespan.stats_transaction_day_total AS
SELECT day, tier_id, draws, wins, capped, threshold / 18446744073709551616 AS promised, amount, discount, cancelled, cancelled_wins,
       cancelled_amount, cancelled_discount
FROM sespan.stats_transaction_day
WHERE time_zone = (SELECT h.time_zone FROM sespan.stats_horizon h)
UNION ALL
SELECT (bucket AT TIME ZONE (SELECT h.time_zone FROM sespan.stats_horizon h))::date, tier_id, draws, wins, capped,
       threshold / 18446744073709551616 AS promised, amount, discount, cancelled, cancelled_wins, cancelled_amount, cancelled_discount
FROM sespan.stats_transaction_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_transaction_day_total IS 'Draws at transaction_time and cancellations at cancelled_at, by tier by day, in the zone of stats_horizon, exact at any moment; several rows of a day are to be summed';

CREATE FUNCTION sespan.stats_transaction_drawn() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_transaction (bucket, tier_id, draws, wins, capped, threshold, amount, discount)
    SELECT date_bin('15 minutes', n.transaction_time, '2000-01-01 00:00+00'), n.tier_id, count(*), count(*) FILTER (WHERE n.discounted),
           count(*) FILTER (WHERE n.capped_by IS NOT NULL AND n.draw_number < n.draw_threshold), sum(n.draw_threshold), sum(n.transaction_amount),
           sum(n.transaction_amount - n.discounted_amount)
    FROM inserted n GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_transaction_drawn() IS 'Counts draws as they are inserted';
CREATE TRIGGER stats_transaction_drawn AFTER INSERT ON sespan.transaction_log REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_transaction_drawn();
COMMENT ON TRIGGER stats_transaction_drawn ON sespan.transaction_log IS 'Counts draws. Switched off: they are missing for ever';

-- Whoever takes a cancellation back with SQL takes its count back too.
CREATE FUNCTION sespan.stats_transaction_cancelled() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_transaction (bucket, tier_id, cancelled, cancelled_wins, cancelled_amount, cancelled_discount)
    SELECT date_bin('15 minutes', x.at, '2000-01-01 00:00+00'), NEW.tier_id, x.sign, x.sign * NEW.discounted::int, x.sign * NEW.transaction_amount,
           x.sign * (NEW.transaction_amount - NEW.discounted_amount)
    FROM (VALUES (NEW.cancelled_at, 1), (OLD.cancelled_at, -1)) AS x (at, sign) WHERE x.at IS NOT NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_transaction_cancelled() IS 'Counts a cancellation at its moment';
CREATE TRIGGER stats_transaction_cancelled AFTER UPDATE ON sespan.transaction_log
    FOR EACH ROW WHEN (NEW.cancelled_at IS DISTINCT FROM OLD.cancelled_at) EXECUTE FUNCTION sespan.stats_transaction_cancelled();
COMMENT ON TRIGGER stats_transaction_cancelled ON sespan.transaction_log IS 'Counts cancellations. Switched off: they are missing for ever';

---- create above / drop below ----

DROP TRIGGER stats_transaction_cancelled ON sespan.transaction_log;
DROP FUNCTION sespan.stats_transaction_cancelled();
DROP TRIGGER stats_transaction_drawn ON sespan.transaction_log;
DROP FUNCTION sespan.stats_transaction_drawn();
DROP VIEW sespan.stats_transaction_day_total, sespan.stats_transaction_total, sespan.stats_transaction_appended;
DROP TABLE sespan.stats_transaction_day, sespan.stats_transaction_hour, sespan.stats_transaction_quarter, sespan.stats_transaction;
