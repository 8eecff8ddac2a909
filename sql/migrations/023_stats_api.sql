-- API hits: counted from the rows of the API log, at time_requested.

CREATE TABLE sespan.stats_api (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bucket timestamptz NOT NULL,
    request_type text NOT NULL,
    outcome text NOT NULL,
    calls bigint NOT NULL,
    elapsed_us bigint NOT NULL,
    le_5 int,
    le_10 int,
    le_25 int,
    le_50 int,
    le_100 int,
    le_250 int,
    le_500 int,
    le_1000 int,
    le_2500 int,
    le_5000 int,
    le_inf int
) PARTITION BY RANGE (appended_at);
CREATE TABLE sespan.stats_api_default PARTITION OF sespan.stats_api DEFAULT;
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
COMMENT ON COLUMN sespan.stats_api.bucket IS 'Start of the quarter of an hour (UTC) of the event';
COMMENT ON COLUMN sespan.stats_api.request_type IS 'OTP, Login, Transaction, Report or Admin';
COMMENT ON COLUMN sespan.stats_api.outcome IS 'success or failure';
COMMENT ON COLUMN sespan.stats_api.calls IS 'Calls: the sum of stands_for';
COMMENT ON COLUMN sespan.stats_api.elapsed_us IS 'Microseconds that they took together';
COMMENT ON COLUMN sespan.stats_api.le_5 IS 'Calls of 5 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_10 IS 'Calls of more than 5 ms, and 10 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_25 IS 'Calls of more than 10 ms, and 25 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_50 IS 'Calls of more than 25 ms, and 50 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_100 IS 'Calls of more than 50 ms, and 100 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_250 IS 'Calls of more than 100 ms, and 250 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_500 IS 'Calls of more than 250 ms, and 500 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_1000 IS 'Calls of more than 500 ms, and 1000 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_2500 IS 'Calls of more than 1000 ms, and 2500 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_5000 IS 'Calls of more than 2500 ms, and 5000 ms at most';
COMMENT ON COLUMN sespan.stats_api.le_inf IS 'Calls that took longer than 5 s';

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
COMMENT ON COLUMN sespan.stats_api_day.request_type IS 'OTP, Login, Transaction, Report or Admin';
COMMENT ON COLUMN sespan.stats_api_day.outcome IS 'success or failure';
COMMENT ON COLUMN sespan.stats_api_day.calls IS 'Calls: the sum of stands_for';
COMMENT ON COLUMN sespan.stats_api_day.elapsed_us IS 'Microseconds that they took together';
COMMENT ON COLUMN sespan.stats_api_day.le_5 IS 'Calls of 5 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_10 IS 'Calls of more than 5 ms, and 10 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_25 IS 'Calls of more than 10 ms, and 25 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_50 IS 'Calls of more than 25 ms, and 50 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_100 IS 'Calls of more than 50 ms, and 100 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_250 IS 'Calls of more than 100 ms, and 250 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_500 IS 'Calls of more than 250 ms, and 500 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_1000 IS 'Calls of more than 500 ms, and 1000 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_2500 IS 'Calls of more than 1000 ms, and 2500 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_5000 IS 'Calls of more than 2500 ms, and 5000 ms at most';
COMMENT ON COLUMN sespan.stats_api_day.le_inf IS 'Calls that took longer than 5 s';

CREATE VIEW sespan.stats_api_total AS
SELECT bucket, request_type, outcome, calls, elapsed_us, le_5, le_10, le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000, le_inf
FROM sespan.stats_api_quarter
UNION ALL
SELECT bucket, request_type, outcome, coalesce(calls, 0)::bigint, coalesce(elapsed_us, 0)::bigint, coalesce(le_5, 0)::bigint, coalesce(le_10, 0)::bigint, coalesce(le_25, 0)::bigint, coalesce(le_50, 0)::bigint, coalesce(le_100, 0)::bigint, coalesce(le_250, 0)::bigint, coalesce(le_500, 0)::bigint, coalesce(le_1000, 0)::bigint, coalesce(le_2500, 0)::bigint, coalesce(le_5000, 0)::bigint, coalesce(le_inf, 0)::bigint
FROM sespan.stats_api
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_api_total IS 'API hits by type and outcome by quarter of an hour (UTC), exact at any moment; several rows of a bucket are to be summed';

CREATE VIEW sespan.stats_api_day_total AS
SELECT day, request_type, outcome, calls, elapsed_us, le_5, le_10, le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000, le_inf
FROM sespan.stats_api_day
WHERE time_zone = (SELECT h.time_zone FROM sespan.stats_horizon h)
UNION ALL
SELECT (bucket AT TIME ZONE (SELECT h.time_zone FROM sespan.stats_horizon h))::date, request_type, outcome, coalesce(calls, 0)::bigint, coalesce(elapsed_us, 0)::bigint, coalesce(le_5, 0)::bigint, coalesce(le_10, 0)::bigint, coalesce(le_25, 0)::bigint, coalesce(le_50, 0)::bigint, coalesce(le_100, 0)::bigint, coalesce(le_250, 0)::bigint, coalesce(le_500, 0)::bigint, coalesce(le_1000, 0)::bigint, coalesce(le_2500, 0)::bigint, coalesce(le_5000, 0)::bigint, coalesce(le_inf, 0)::bigint
FROM sespan.stats_api
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_api_day_total IS 'API hits by type and outcome by day, in the zone of stats_horizon, exact at any moment; several rows of a day are to be summed';

-- Fires for rows that were really inserted through the table: a row that ON
-- CONFLICT left out is none, and a row that moves between partitions is not new.
CREATE FUNCTION sespan.stats_api_count() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_api (bucket, request_type, outcome, calls, elapsed_us, le_5, le_10, le_25, le_50, le_100, le_250, le_500, le_1000, le_2500, le_5000, le_inf)
    SELECT date_bin('15 minutes', n.time_requested, '2000-01-01 00:00+00'), n.request_type, n.outcome,
           sum(n.stands_for), least(sum(x.us * n.stands_for), 1e15),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 0), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 1), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 2), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 3), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 4), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 5), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 6), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 7), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 8), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 9), 0),
           nullif(sum(n.stands_for) FILTER (WHERE x.bin = 10), 0)
    FROM (SELECT i.*, least(greatest(date_part('epoch', i.elapsed_time) * 1e6, 0), 1e12)::bigint AS us FROM inserted i) n
    CROSS JOIN LATERAL (SELECT n.us, width_bucket(n.us, ARRAY[5001, 10001, 25001, 50001, 100001, 250001, 500001, 1000001, 2500001, 5000001]::bigint[]) AS bin) x
    GROUP BY 1, 2, 3;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_api_count() IS 'Counts rows of the API log as they are inserted';
CREATE TRIGGER stats_api_count AFTER INSERT ON sespan.api_log REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_api_count();

---- create above / drop below ----

DROP TRIGGER stats_api_count ON sespan.api_log;
DROP FUNCTION sespan.stats_api_count();
DROP VIEW sespan.stats_api_day_total, sespan.stats_api_total;
DROP TABLE sespan.stats_api_day, sespan.stats_api_quarter, sespan.stats_api;
