-- API hits: counted from the rows of the API log, at time_requested.

CREATE TABLE sespan.stats_api (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bucket timestamptz NOT NULL,
    request_type text NOT NULL,
    outcome text NOT NULL,
    bin smallint NOT NULL,
    calls bigint NOT NULL,
    elapsed_us bigint NOT NULL
) PARTITION BY RANGE (appended_at);
CREATE TABLE sespan.stats_api_default PARTITION OF sespan.stats_api DEFAULT;
ALTER TABLE sespan.stats_api REPLICA IDENTITY FULL;
ALTER TABLE sespan.stats_api_default REPLICA IDENTITY FULL;
CREATE INDEX stats_api_xid_idx ON sespan.stats_api (xid);

CREATE TABLE sespan.stats_api_quarter (
    bucket timestamptz NOT NULL,
    request_type text NOT NULL,
    outcome text NOT NULL,
    calls bigint NOT NULL,
    elapsed_us bigint NOT NULL,
    le_5 bigint NOT NULL,
    le_10 bigint NOT NULL,
    le_25 bigint NOT NULL,
    le_50 bigint NOT NULL,
    le_100 bigint NOT NULL,
    le_250 bigint NOT NULL,
    le_500 bigint NOT NULL,
    le_1000 bigint NOT NULL,
    le_2500 bigint NOT NULL,
    le_5000 bigint NOT NULL,
    le_inf bigint NOT NULL,
    CONSTRAINT stats_api_quarter_key PRIMARY KEY (bucket, request_type, outcome)
) WITH (fillfactor = 80);

CREATE TABLE sespan.stats_api_hour (LIKE sespan.stats_api_quarter INCLUDING ALL) WITH (fillfactor = 80);
COMMENT ON TABLE sespan.stats_api_hour IS 'API hits by hour (UTC), up to the horizon: for the hours of zones whose offset is whole hours';
COMMENT ON COLUMN sespan.stats_api_hour.bucket IS 'Start of the hour (UTC) of the event';

CREATE TABLE sespan.stats_api_day (
    time_zone text NOT NULL,
    day date NOT NULL,
    request_type text NOT NULL,
    outcome text NOT NULL,
    calls bigint NOT NULL,
    elapsed_us bigint NOT NULL,
    le_5 bigint NOT NULL,
    le_10 bigint NOT NULL,
    le_25 bigint NOT NULL,
    le_50 bigint NOT NULL,
    le_100 bigint NOT NULL,
    le_250 bigint NOT NULL,
    le_500 bigint NOT NULL,
    le_1000 bigint NOT NULL,
    le_2500 bigint NOT NULL,
    le_5000 bigint NOT NULL,
    le_inf bigint NOT NULL,
    CONSTRAINT stats_api_day_key PRIMARY KEY (time_zone, day, request_type, outcome)
) WITH (fillfactor = 80);

COMMENT ON TABLE sespan.stats_api IS 'API hits, appended in the commit of what they count; a partition per hour of appending, dropped some hours after they were folded';
COMMENT ON COLUMN sespan.stats_api.xid IS 'The transaction that appended it';
COMMENT ON COLUMN sespan.stats_api.appended_at IS 'When; the partition key';
COMMENT ON COLUMN sespan.stats_api.bin IS 'Which le_ of the sums: 0 for le_5 to 10 for le_inf';

COMMENT ON TABLE sespan.stats_api_quarter IS 'API hits by quarter of an hour, up to the horizon; read stats_api_total';
COMMENT ON COLUMN sespan.stats_api_quarter.bucket IS 'Start of the quarter of an hour (UTC) of the event';
COMMENT ON COLUMN sespan.stats_api_quarter.request_type IS 'OTP, Login, Transaction, Report or Admin';
COMMENT ON COLUMN sespan.stats_api_quarter.outcome IS 'success or failure';
COMMENT ON COLUMN sespan.stats_api_quarter.calls IS 'Calls: the sum of stands_for';
COMMENT ON COLUMN sespan.stats_api_quarter.elapsed_us IS 'Microseconds that they took together';
COMMENT ON COLUMN sespan.stats_api_quarter.le_5 IS 'Calls of 5 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_10 IS 'Calls of more than 5 ms, and 10 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_25 IS 'Calls of more than 10 ms, and 25 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_50 IS 'Calls of more than 25 ms, and 50 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_100 IS 'Calls of more than 50 ms, and 100 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_250 IS 'Calls of more than 100 ms, and 250 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_500 IS 'Calls of more than 250 ms, and 500 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_1000 IS 'Calls of more than 500 ms, and 1000 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_2500 IS 'Calls of more than 1000 ms, and 2500 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_5000 IS 'Calls of more than 2500 ms, and 5000 ms at most';
COMMENT ON COLUMN sespan.stats_api_quarter.le_inf IS 'Calls that took longer than 5 s';

COMMENT ON TABLE sespan.stats_api_day IS 'API hits by day of a zone, up to the horizon; read stats_api_day_total';
COMMENT ON COLUMN sespan.stats_api_day.time_zone IS 'The zone of the day';
COMMENT ON COLUMN sespan.stats_api_day.day IS 'Day of the event in that zone';

CREATE VIEW sespan.stats_api_appended AS
SELECT xid, bucket, request_type, outcome, calls, elapsed_us, CASE WHEN bin = 0 THEN calls ELSE 0 END AS le_5,
       CASE WHEN bin = 1 THEN calls ELSE 0 END AS le_10, CASE WHEN bin = 2 THEN calls ELSE 0 END AS le_25,
       CASE WHEN bin = 3 THEN calls ELSE 0 END AS le_50, CASE WHEN bin = 4 THEN calls ELSE 0 END AS le_100,
       CASE WHEN bin = 5 THEN calls ELSE 0 END AS le_250, CASE WHEN bin = 6 THEN calls ELSE 0 END AS le_500,
       CASE WHEN bin = 7 THEN calls ELSE 0 END AS le_1000, CASE WHEN bin = 8 THEN calls ELSE 0 END AS le_2500,
       CASE WHEN bin = 9 THEN calls ELSE 0 END AS le_5000, CASE WHEN bin = 10 THEN calls ELSE 0 END AS le_inf
FROM sespan.stats_api;
COMMENT ON VIEW sespan.stats_api_appended IS 'Appended counts in the columns of their sums';

CREATE VIEW sespan.stats_api_total AS
SELECT bucket, request_type, outcome, calls, elapsed_us, le_5, le_10, le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000,
       le_inf
FROM sespan.stats_api_quarter
UNION ALL
SELECT bucket, request_type, outcome, calls, elapsed_us, le_5, le_10, le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000,
       le_inf
FROM sespan.stats_api_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_api_total IS 'API hits by type and outcome by quarter of an hour (UTC), exact at any moment; several rows of a bucket are to be summed';

CREATE VIEW sespan.stats_api_day_total AS
SELECT day, request_type, outcome, calls, elapsed_us, le_5, le_10, le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000, le_inf
FROM sespan.stats_api_day
WHERE time_zone = (SELECT h.time_zone FROM sespan.stats_horizon h)
UNION ALL
SELECT (bucket AT TIME ZONE (SELECT h.time_zone FROM sespan.stats_horizon h))::date, request_type, outcome, calls, elapsed_us, le_5, le_10,
       le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000, le_inf
FROM sespan.stats_api_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_api_day_total IS 'API hits by type and outcome by day, in the zone of stats_horizon, exact at any moment; several rows of a day are to be summed';

CREATE FUNCTION sespan.stats_api_us(elapsed interval) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (greatest(least(pg_catalog.date_part('epoch', elapsed), 3600), 0) OPERATOR(pg_catalog.*) 1000000)::bigint;
COMMENT ON FUNCTION sespan.stats_api_us(interval) IS 'Microseconds of a call, from 0 to an hour: no value makes the counting fail';

-- Fires for rows that were really inserted through the table: a row that ON
-- CONFLICT left out is none, and a row that moves between partitions is not new.
CREATE FUNCTION sespan.stats_api_count() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_api (bucket, request_type, outcome, bin, calls, elapsed_us)
    SELECT date_bin('15 minutes', n.time_requested, '2000-01-01 00:00+00'), n.request_type, n.outcome,
           width_bucket(x.us, ARRAY[5001, 10001, 25001, 50001, 100001, 250001, 500001, 1000001, 2500001, 5000001]::bigint[]),
           sum(n.stands_for), sum(x.us * n.stands_for)
    FROM inserted n CROSS JOIN LATERAL (SELECT sespan.stats_api_us(n.elapsed_time) AS us) x GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_api_count() IS 'Counts rows of the API log as they are inserted';
CREATE TRIGGER stats_api_count AFTER INSERT ON sespan.api_log REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_api_count();
COMMENT ON TRIGGER stats_api_count ON sespan.api_log IS 'Counts API hits. Switched off: they are missing for ever';

---- create above / drop below ----

DROP TRIGGER stats_api_count ON sespan.api_log;
DROP FUNCTION sespan.stats_api_count();
DROP FUNCTION sespan.stats_api_us(interval);
DROP VIEW sespan.stats_api_day_total, sespan.stats_api_total, sespan.stats_api_appended;
DROP TABLE sespan.stats_api_day, sespan.stats_api_hour, sespan.stats_api_quarter, sespan.stats_api;
