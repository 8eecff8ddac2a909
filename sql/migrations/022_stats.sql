-- Counting: what the four nouns that are counted (023 to 026) share.
--
-- What is counted is appended to stats_<noun> in the commit of the row that it
-- counts: no row that two transactions would wait for. The fold sums what lies
-- below a horizon, a transaction number below which every transaction is over,
-- into stats_<noun>_quarter and stats_<noun>_day and moves the horizon in the same
-- commit; it deletes nothing. A reader adds the sums and what lies above the horizon
-- that its own snapshot shows: each count once, at any moment.
--
--   appended:  ───── folded, dropped hours later ─────│── fresh ──▶
--                                                  horizon
--   a reader:   stats_<noun>_quarter or _day   +   stats_<noun> above it

CREATE TABLE sespan.stats_horizon (
    horizon_id     smallint    PRIMARY KEY DEFAULT 1 CONSTRAINT stats_horizon_is_single CHECK (horizon_id = 1),
    horizon        xid8        NOT NULL,
    folded_by      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    folded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    counting_since timestamptz NOT NULL DEFAULT now(),
    time_zone      text        NOT NULL DEFAULT 'UTC',
    next_time_zone text,
    summed_until   timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);
COMMENT ON TABLE sespan.stats_horizon IS 'One row: how far the counts are summed, and in which zone their days are';
COMMENT ON COLUMN sespan.stats_horizon.horizon_id IS 'Always 1';
COMMENT ON COLUMN sespan.stats_horizon.horizon IS 'Counts of transactions below this number are in the sums, those from it on are not';
COMMENT ON COLUMN sespan.stats_horizon.folded_by IS 'The transaction that wrote this row; another one is the row''s own xmin after a restore';
COMMENT ON COLUMN sespan.stats_horizon.folded_at IS 'When the last fold ran';
COMMENT ON COLUMN sespan.stats_horizon.counting_since IS 'When counting began: nothing older was counted when it happened';
COMMENT ON COLUMN sespan.stats_horizon.time_zone IS 'Zone of the days in stats_<noun>_day';
COMMENT ON COLUMN sespan.stats_horizon.next_time_zone IS 'Zone whose days are being made; NULL for none';
COMMENT ON COLUMN sespan.stats_horizon.summed_until IS 'Quarters before this moment are in the days of next_time_zone';
INSERT INTO sespan.stats_horizon (horizon) VALUES ('0');

CREATE FUNCTION sespan.stats_nouns() RETURNS text[] LANGUAGE sql IMMUTABLE RETURN ARRAY['api', 'otp', 'transaction', 'mail'];
COMMENT ON FUNCTION sespan.stats_nouns() IS 'What is counted: stats_<noun>, stats_<noun>_quarter and stats_<noun>_day have the same columns';

-- The columns of the unique index are the dimensions, the others are counts.
CREATE FUNCTION sespan.stats_columns(noun text, OUT dimensions text[], OUT counts text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FILTER (WHERE a.attnum = ANY (i.indkey) AND a.attname <> 'bucket'),
           array_agg(quote_ident(a.attname) ORDER BY a.attnum) FILTER (WHERE a.attnum <> ALL (i.indkey))
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE i.indrelid = format('sespan.%I', 'stats_' || noun || '_quarter')::regclass AND i.indisunique
$$;
COMMENT ON FUNCTION sespan.stats_columns(text) IS 'Dimensions and counts of a noun';

CREATE FUNCTION sespan.stats_hour(parent regclass, hour timestamptz, OUT child text, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relname || '_' || to_char(h.at AT TIME ZONE 'UTC', 'YYYYMMDDHH24'), h.at, h.at + interval '1 hour'
    FROM pg_class c, (SELECT date_bin('1 hour', stats_hour.hour, '2000-01-01 00:00+00') AS at) h WHERE c.oid = parent
$$;
COMMENT ON FUNCTION sespan.stats_hour(regclass, timestamptz) IS 'Name and bounds of the partition of an hour';

-- Locks as partition_attach. The default partition is only waited for shortly: who
-- reads the counts meanwhile waits behind it. A missing hour fails nothing.
CREATE FUNCTION sespan.stats_partition_ensure(hours int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
DECLARE
    noun text;
    parent regclass;
    made int := 0;
BEGIN
    IF hours NOT BETWEEN 0 AND 400 THEN
        RAISE EXCEPTION 'hours must be between 0 and 400, not %', hours USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT pg_try_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.stats_nouns'::regproc::oid::int) THEN
        RETURN 0;
    END IF;
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        parent := to_regclass('sespan.stats_' || noun);
        CONTINUE WHEN parent IS NULL;
        FOR i IN 0..hours LOOP
            made := made + (SELECT sespan.partition_attach(parent, h.child, h.lower_bound, h.upper_bound)::int
                            FROM sespan.stats_hour(parent, clock_timestamp() + make_interval(hours => i)) h);
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION sespan.stats_partition_ensure(int) IS
    'Makes the partitions of appended counts for this hour and the given number of further ones; returns how many it made, 0 also while another session makes them';

CREATE FUNCTION sespan.stats_fold_noun(noun text, above xid8, below xid8, zones text[], untils timestamptz[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
    dimensions text;
    counts text;
    sums text;
    additions text;
    folded bigint;
BEGIN
    SELECT * INTO c FROM sespan.stats_columns(noun);
    SELECT string_agg(x, ', '), string_agg(format('coalesce(sum(%1$s), 0) AS %1$s', x), ', '), string_agg(format('%1$s = t.%1$s + excluded.%1$s', x), ', ')
    INTO counts, sums, additions FROM unnest(c.counts) x;
    dimensions := array_to_string(c.dimensions, ', ');
    EXECUTE format($sql$
        WITH fresh AS MATERIALIZED (
            SELECT bucket, %1$s, %3$s FROM sespan.%5$I WHERE xid >= $1 AND xid < $2 GROUP BY bucket, %1$s
        ), quarter AS (
            INSERT INTO sespan.%6$I AS t (bucket, %1$s, %2$s) SELECT * FROM fresh
            ON CONFLICT (bucket, %1$s) DO UPDATE SET %4$s
        ), day AS (
            INSERT INTO sespan.%7$I AS t (time_zone, day, %1$s, %2$s)
            SELECT z.name, (f.bucket AT TIME ZONE z.name)::date, %1$s, %3$s
            FROM fresh f CROSS JOIN unnest($3, $4) AS z (name, until) WHERE f.bucket < z.until GROUP BY 1, 2, %1$s
            ON CONFLICT (time_zone, day, %1$s) DO UPDATE SET %4$s
        )
        SELECT count(*) FROM fresh
    $sql$, dimensions, counts, sums, additions, 'stats_' || noun, 'stats_' || noun || '_quarter', 'stats_' || noun || '_day')
    INTO folded USING above, below, zones, untils;
    RETURN folded;
END
$$;
COMMENT ON FUNCTION sespan.stats_fold_noun(text, xid8, xid8, text[], timestamptz[]) IS
    'Adds the appended counts of the transactions in [above, below) to quarters and to the days of the zones, each up to its moment; returns the quarters touched';

-- Locks nothing that a writer or reader waits for. A transaction below the
-- snapshot's xmin is over, so what it appended is seen, or never will be.
CREATE FUNCTION sespan.stats_fold(portion int DEFAULT 200000, OUT folded bigint, OUT more boolean, OUT fresh bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    noun text;
    h sespan.stats_horizon;
    below xid8;
    cut xid8;
BEGIN
    more := false;
    IF NOT pg_try_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.stats_horizon'::regclass::oid::int) THEN
        RETURN; -- another process does it
    END IF;
    SELECT * INTO h FROM sespan.stats_horizon FOR UPDATE;
    below := pg_snapshot_xmin(pg_current_snapshot());
    folded := 0;
    fresh := 0;
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        EXECUTE format('SELECT xid FROM sespan.%I WHERE xid > $1 AND xid < $2 ORDER BY xid OFFSET $3 LIMIT 1', 'stats_' || noun)
        INTO cut USING h.horizon, below, portion;
        more := more OR cut IS NOT NULL;
        below := least(below, cut);
    END LOOP;
    IF below > h.horizon THEN
        FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
            folded := folded + sespan.stats_fold_noun(noun, h.horizon, below, array_remove(ARRAY[h.time_zone, h.next_time_zone], NULL),
                CASE WHEN h.next_time_zone IS NULL THEN ARRAY['infinity'] ELSE ARRAY['infinity', h.summed_until] END::timestamptz[]);
        END LOOP;
    END IF;
    UPDATE sespan.stats_horizon SET horizon = greatest(h.horizon, below), folded_by = pg_current_xact_id(), folded_at = clock_timestamp();
END
$$;
COMMENT ON FUNCTION sespan.stats_fold(int) IS
    'Sums the appended counts of transactions that are over, about a portion of rows of each noun; more: call again. NULL while another session does it';

---- create above / drop below ----

DROP FUNCTION sespan.stats_fold(int);
DROP FUNCTION sespan.stats_fold_noun(text, xid8, xid8, text[], timestamptz[]);
DROP FUNCTION sespan.stats_partition_ensure(int);
DROP FUNCTION sespan.stats_hour(regclass, timestamptz);
DROP FUNCTION sespan.stats_columns(text);
DROP FUNCTION sespan.stats_nouns();
DROP TABLE sespan.stats_horizon;
