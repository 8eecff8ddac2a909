-- Counting: what the four nouns that are counted (026 to 029) share.
--
-- What is counted is appended to stats_<noun> in the commit of the row that it
-- counts: no row that two transactions would wait for. The fold sums what lies
-- below a horizon, a transaction number below which every transaction is over,
-- into stats_<noun>_quarter, _hour and _day and moves the horizon in the same
-- commit; it deletes nothing. A reader adds the sums and what lies above the horizon
-- that its own snapshot shows: each count once, at any moment.
--
--   appended:  ───── folded, dropped hours later ─────│── fresh ──▶
--                                                  horizon
--   a reader:   stats_<noun>_quarter or _day   +   stats_<noun> above it

CREATE TABLE sespan.stats_horizon (
    horizon_id     smallint    PRIMARY KEY DEFAULT 1 CONSTRAINT stats_horizon_is_single CHECK (horizon_id = 1),
    horizon        xid8        NOT NULL,
    marked         xid8        NOT NULL,
    settled        xid8        NOT NULL,
    written_by     xid8        NOT NULL DEFAULT pg_current_xact_id(),
    folded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    marked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    counting_since timestamptz NOT NULL DEFAULT now(),
    summed_until   timestamptz NOT NULL DEFAULT '-infinity',
    time_zone      text        NOT NULL DEFAULT 'UTC',
    next_time_zone text
) WITH (fillfactor = 10);
COMMENT ON TABLE sespan.stats_horizon IS 'One row: how far the counts are summed, and in which zone their days are';
COMMENT ON COLUMN sespan.stats_horizon.horizon_id IS 'Always 1';
COMMENT ON COLUMN sespan.stats_horizon.horizon IS 'Counts of transactions below this number are in the sums, those from it on are not';
COMMENT ON COLUMN sespan.stats_horizon.marked IS 'The horizon at marked_at, which settles when it is old enough';
COMMENT ON COLUMN sespan.stats_horizon.settled IS 'A horizon of hours ago: what lies below it is dropped, no snapshot should need it any more';
COMMENT ON COLUMN sespan.stats_horizon.written_by IS 'The transaction that wrote this row. The row''s own xmin tells another one after a dump was restored';
COMMENT ON COLUMN sespan.stats_horizon.folded_at IS 'When the last fold ran';
COMMENT ON COLUMN sespan.stats_horizon.marked_at IS 'When marked was the horizon';
COMMENT ON COLUMN sespan.stats_horizon.counting_since IS 'When counting began';
COMMENT ON COLUMN sespan.stats_horizon.summed_until IS 'Quarters before this moment are in the days of next_time_zone';
COMMENT ON COLUMN sespan.stats_horizon.time_zone IS 'Zone of the days in stats_<noun>_day';
COMMENT ON COLUMN sespan.stats_horizon.next_time_zone IS 'Zone whose days are being made; NULL for none';
INSERT INTO sespan.stats_horizon (horizon, marked, settled) VALUES ('0', '0', '0');

CREATE FUNCTION sespan.stats_nouns() RETURNS text[] LANGUAGE sql IMMUTABLE RETURN ARRAY['api', 'otp', 'transaction', 'mail'];
COMMENT ON FUNCTION sespan.stats_nouns() IS 'What is counted: stats_<noun>, appended to stats_<noun>, summed in stats_<noun>_quarter, _hour and _day';

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

-- The row's own xmin is the transaction that wrote it, or a savepoint in that one,
-- unless a dump brought the row.
CREATE FUNCTION sespan.stats_restored_by() RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.xmin::text::bigint FROM sespan.stats_horizon h WHERE (h.xmin::text::bigint - h.written_by::text::bigint & 4294967295) >= 1000000
$$;
COMMENT ON FUNCTION sespan.stats_restored_by() IS 'The transaction (32 bits) that restored the horizon from a dump, NULL when it was written here';

CREATE FUNCTION sespan.stats_hour(parent regclass, hour timestamptz, OUT child text, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relname || '_' || to_char(h.at AT TIME ZONE 'UTC', 'YYYYMMDDHH24'), h.at, h.at + interval '1 hour'
    FROM pg_class c, (SELECT date_bin('1 hour', stats_hour.hour, '2000-01-01 00:00+00') AS at) h WHERE c.oid = parent
$$;
COMMENT ON FUNCTION sespan.stats_hour(regclass, timestamptz) IS 'Name and bounds of the partition of an hour';

-- Locks as partition_attach. The default partition is only waited for shortly: who
-- reads the counts meanwhile waits behind it. A missing hour fails nothing, so a dump
-- that holds the table for hours is no error, which the server would log each time.
CREATE FUNCTION sespan.stats_partition_ensure(hours int, most int DEFAULT NULL) RETURNS int
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
    FOR i IN 0..hours LOOP
        FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
            parent := to_regclass('sespan.stats_' || noun);
            CONTINUE WHEN parent IS NULL;
            BEGIN
                made := made + (SELECT sespan.partition_attach(parent, h.child, h.lower_bound, h.upper_bound)::int
                                FROM sespan.stats_hour(parent, clock_timestamp() + make_interval(hours => i)) h);
            EXCEPTION WHEN lock_not_available THEN
                RETURN made;
            END;
            IF made >= most THEN
                RETURN made;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION sespan.stats_partition_ensure(int, int) IS
    'Makes the partitions of appended counts for this hour and the given number of further ones, the next ones first and no more than most (NULL: all); returns how many it made, fewer while another session makes them or reads the default partition: call again';

CREATE FUNCTION sespan.stats_fold_noun(noun text, above xid8, below xid8, zones text[], untils timestamptz[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
    folded bigint;
BEGIN
    SELECT array_to_string(x.dimensions, ', ') AS dimensions, array_to_string(x.counts, ', ') AS counts,
           (SELECT string_agg(format('sum(%1$s) AS %1$s', n), ', ') FROM unnest(x.counts) n) AS sums,
           (SELECT string_agg(format('%1$s = t.%1$s + excluded.%1$s', n), ', ') FROM unnest(x.counts) n) AS additions
    INTO c FROM sespan.stats_columns(noun) x;
    EXECUTE format($sql$
        WITH fresh AS MATERIALIZED (
            SELECT bucket, %1$s, %3$s FROM sespan.%5$I WHERE xid >= $1 AND xid < $2 GROUP BY bucket, %1$s
        ), quarter AS (
            INSERT INTO sespan.%6$I AS t (bucket, %1$s, %2$s) SELECT bucket, %1$s, %2$s FROM fresh
            ON CONFLICT (bucket, %1$s) DO UPDATE SET %4$s
        ), hour AS (
            INSERT INTO sespan.%8$I AS t (bucket, %1$s, %2$s)
            SELECT date_bin('1 hour', f.bucket, '2000-01-01 00:00+00'), %1$s, %3$s FROM fresh f GROUP BY 1, %1$s
            ON CONFLICT (bucket, %1$s) DO UPDATE SET %4$s
        ), day AS (
            INSERT INTO sespan.%7$I AS t (time_zone, day, %1$s, %2$s)
            SELECT z.name, (f.bucket AT TIME ZONE z.name)::date, %1$s, %3$s
            FROM fresh f CROSS JOIN unnest($3, $4) AS z (name, until) WHERE z.until IS NULL OR f.bucket < z.until GROUP BY 1, 2, %1$s
            ON CONFLICT (time_zone, day, %1$s) DO UPDATE SET %4$s
        )
        SELECT count(*) FROM fresh
    $sql$, c.dimensions, c.counts, c.sums, c.additions, 'stats_' || noun || '_appended', 'stats_' || noun || '_quarter', 'stats_' || noun || '_day',
        'stats_' || noun || '_hour')
    INTO folded USING above, below, zones, untils;
    RETURN folded;
END
$$;
COMMENT ON FUNCTION sespan.stats_fold_noun(text, xid8, xid8, text[], timestamptz[]) IS
    'Adds the appended counts of the transactions in [above, below) to quarters, to hours and to the days of the zones, each up to its moment or NULL for all; returns the quarters touched';

-- A dump brings the transaction numbers of another server. Rows that were appended
-- here are those whose number is their own xmin (or that of a savepoint in it); of
-- the others those below the horizon are in the sums already. The rest becomes this
-- transaction's. Locks out who appends, for as long as it takes to go through some
-- hours of rows: once after a restore.
CREATE FUNCTION sespan.stats_restored(restored_by bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    noun text;
    here bigint := pg_current_xact_id()::text::bigint;
    restored xid8 := (here - (here - restored_by & 4294967295))::text::xid8; -- all of its 64 bits
BEGIN
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        EXECUTE format('LOCK TABLE sespan.%I IN SHARE ROW EXCLUSIVE MODE', 'stats_' || noun);
        EXECUTE format($sql$
            DELETE FROM sespan.%I WHERE xid < (SELECT h.horizon FROM sespan.stats_horizon h)
                AND NOT (xid >= $1 AND (xmin::text::bigint - xid::text::bigint & 4294967295) < 1000000)
        $sql$, 'stats_' || noun) USING restored;
        EXECUTE format('UPDATE sespan.%I SET xid = pg_current_xact_id()', 'stats_' || noun);
    END LOOP;
    UPDATE sespan.stats_horizon
    SET horizon = pg_snapshot_xmin(pg_current_snapshot()), marked = '0', settled = '0', marked_at = clock_timestamp(), written_by = pg_current_xact_id();
END
$$;
COMMENT ON FUNCTION sespan.stats_restored(bigint) IS
    'Puts the appended counts right after a dump was restored, whose horizon and transaction numbers are those of another server; its parameter is the xmin that the restore left';

-- Locks nothing that a writer or reader waits for. A transaction below the
-- snapshot's xmin is over, so what it appended is seen, or never will be.
CREATE FUNCTION sespan.stats_fold(portion int DEFAULT 200000, keep interval DEFAULT '2 hours', OUT folded bigint, OUT more boolean, OUT fresh bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    noun text;
    h sespan.stats_horizon;
    below xid8;
    cut xid8;
    n bigint;
BEGIN
    more := false;
    IF NOT pg_try_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.stats_horizon'::regclass::oid::int) THEN
        RETURN; -- another process does it
    END IF;
    folded := 0;
    fresh := 0;
    SELECT * INTO h FROM sespan.stats_horizon FOR UPDATE;
    IF sespan.stats_restored_by() IS NOT NULL THEN
        PERFORM sespan.stats_restored(sespan.stats_restored_by());
        more := true;
        RETURN;
    END IF;
    below := pg_snapshot_xmin(pg_current_snapshot());
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        EXECUTE format('SELECT xid FROM sespan.%I WHERE xid > $1 AND xid < $2 ORDER BY xid OFFSET $3 LIMIT 1', 'stats_' || noun)
        INTO cut USING h.horizon, below, portion;
        more := more OR cut IS NOT NULL;
        below := least(below, cut);
    END LOOP;
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        IF below > h.horizon THEN
            folded := folded + sespan.stats_fold_noun(noun, h.horizon, below, array_remove(ARRAY[h.time_zone, h.next_time_zone], NULL),
                ARRAY[NULL, h.summed_until]);
        END IF;
        EXECUTE format('SELECT count(*) FROM (SELECT FROM sespan.%I WHERE xid >= $1 LIMIT 1000000) f', 'stats_' || noun)
        INTO n USING greatest(below, h.horizon);
        fresh := fresh + n;
    END LOOP;
    UPDATE sespan.stats_horizon x
    SET horizon = greatest(below, h.horizon), written_by = pg_current_xact_id(), folded_at = clock_timestamp(),
        (settled, marked, marked_at) = (SELECT h.marked, greatest(below, h.horizon), clock_timestamp() WHERE h.marked_at < clock_timestamp() - keep
                                        UNION ALL SELECT h.settled, h.marked, h.marked_at WHERE h.marked_at >= clock_timestamp() - keep);
END
$$;
COMMENT ON FUNCTION sespan.stats_fold(int, interval) IS
    'Sums the appended counts of transactions that are over, about a portion of rows of each noun; more: call again. fresh are the rows that are left. NULL while another session does it';

-- Drops one hour of appended counts that are summed since long ago, and empties the
-- default partitions likewise. Locks as mail_retire: ACCESS EXCLUSIVE for a moment,
-- waited for 50 ms at most. With that lock no writer of the partition is open, so a
-- row that is not below the settled horizon is seen.
CREATE FUNCTION sespan.stats_retire(portion int DEFAULT 5000, OUT outcome text, OUT hour text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET enable_seqscan = off
AS $$
DECLARE
    p record;
    noun text;
    needed boolean;
    settled xid8 := (SELECT h.settled FROM sespan.stats_horizon h WHERE sespan.stats_restored_by() IS NULL);
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'stats_retire needs READ COMMITTED: it looks again after it has its locks' USING ERRCODE = 'active_sql_transaction';
    ELSIF NOT pg_try_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.stats_nouns'::regproc::oid::int) THEN
        outcome := 'busy'; -- another process does it
        RETURN;
    END IF;
    settled := coalesce(settled, '0');
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        EXECUTE format('DELETE FROM sespan.%1$I WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM sespan.%1$I d WHERE d.xid < $1 LIMIT $2))',
            'stats_' || noun || '_default') USING settled, portion;
    END LOOP;
    SELECT c.relname, right(c.relname, 10) AS hour, i.inhparent::regclass AS parent INTO p
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent IN (SELECT to_regclass('sespan.stats_' || n) FROM unnest(sespan.stats_nouns()) n) AND c.relname ~ '_[0-9]{10}$'
        AND right(c.relname, 10) < to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '1 hour', 'YYYYMMDDHH24')
    ORDER BY 2, 1 LIMIT 1;
    hour := p.hour;
    IF hour IS NULL THEN
        outcome := 'done';
        RETURN;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM sespan.%I WHERE xid >= $1)', p.relname) INTO needed USING settled;
    IF NOT needed THEN
        EXECUTE format('LOCK TABLE %s, sespan.%I IN ACCESS EXCLUSIVE MODE', p.parent, p.relname);
        EXECUTE format('SELECT EXISTS (SELECT FROM sespan.%I WHERE xid >= $1)', p.relname) INTO needed USING settled;
    END IF;
    IF needed THEN
        outcome := 'kept';
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE %s DETACH PARTITION sespan.%I', p.parent, p.relname);
    EXECUTE format('DROP TABLE sespan.%I', p.relname);
    outcome := 'dropped';
EXCEPTION WHEN lock_not_available THEN
    outcome := 'busy';
END
$$;
COMMENT ON FUNCTION sespan.stats_retire(int) IS
    'Drops the oldest hour of appended counts, and a portion of the default partitions, if they are summed since hours. outcome: dropped, kept (not yet), busy (try again), done';

-- The days of the next zone, in portions: quarters up to a moment, which the fold
-- goes on adding to. With the last one the next zone takes the place of the other.
CREATE FUNCTION sespan.stats_sum_days(days int DEFAULT 200) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    h sespan.stats_horizon;
    noun text;
    c record;
    first_bucket timestamptz;
    last_bucket timestamptz;
    begins timestamptz := 'infinity';
    until timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.stats_horizon'::regclass::oid::int);
    SELECT * INTO h FROM sespan.stats_horizon FOR UPDATE;
    IF h.next_time_zone IS NULL THEN
        RETURN true;
    END IF;
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        EXECUTE format('SELECT min(bucket), max(bucket) FROM sespan.%I WHERE bucket >= $1', 'stats_' || noun || '_quarter')
        INTO first_bucket, until USING h.summed_until;
        begins := least(begins, first_bucket);
        last_bucket := greatest(last_bucket, until);
    END LOOP;
    until := begins + make_interval(days => days);
    IF last_bucket IS NULL OR until > last_bucket THEN
        until := NULL; -- all
    END IF;
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        SELECT array_to_string(x.dimensions, ', ') AS dimensions, array_to_string(x.counts, ', ') AS counts,
               (SELECT string_agg(format('sum(%1$s)', n), ', ') FROM unnest(x.counts) n) AS sums,
               (SELECT string_agg(format('%1$s = t.%1$s + excluded.%1$s', n), ', ') FROM unnest(x.counts) n) AS additions
        INTO c FROM sespan.stats_columns(noun) x;
        EXECUTE format($sql$
            INSERT INTO sespan.%6$I AS t (time_zone, day, %1$s, %2$s)
            SELECT $1, (bucket AT TIME ZONE $1)::date, %1$s, %3$s FROM sespan.%5$I
            WHERE bucket >= $2 AND ($3 IS NULL OR bucket < $3) GROUP BY 1, 2, %1$s
            ON CONFLICT (time_zone, day, %1$s) DO UPDATE SET %4$s
        $sql$, c.dimensions, c.counts, c.sums, c.additions, 'stats_' || noun || '_quarter', 'stats_' || noun || '_day')
        USING h.next_time_zone, h.summed_until, until;
        IF until IS NULL THEN
            EXECUTE format('DELETE FROM sespan.%I WHERE time_zone <> $1', 'stats_' || noun || '_day') USING h.next_time_zone;
        END IF;
    END LOOP;
    IF until IS NULL THEN
        UPDATE sespan.stats_horizon SET time_zone = h.next_time_zone, next_time_zone = NULL, summed_until = '-infinity', written_by = pg_current_xact_id();
    ELSE
        UPDATE sespan.stats_horizon SET summed_until = until, written_by = pg_current_xact_id();
    END IF;
    RETURN until IS NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_sum_days(int) IS 'Makes a portion of the days of the zone that stats_set_time_zone named; true when it is in use, false: call again';

CREATE FUNCTION sespan.stats_set_time_zone(zone text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    h sespan.stats_horizon;
    noun text;
BEGIN
    PERFORM now() AT TIME ZONE zone;
    SELECT * INTO h FROM sespan.stats_horizon;
    IF h.time_zone = zone AND h.next_time_zone IS NULL THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.stats_horizon'::regclass::oid::int);
    SELECT * INTO h FROM sespan.stats_horizon FOR UPDATE;
    IF h.next_time_zone IS DISTINCT FROM zone THEN
        FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
            EXECUTE format('DELETE FROM sespan.%I WHERE time_zone <> $1', 'stats_' || noun || '_day') USING h.time_zone;
        END LOOP;
        UPDATE sespan.stats_horizon SET next_time_zone = nullif(zone, h.time_zone), summed_until = '-infinity', written_by = pg_current_xact_id();
    END IF;
    RETURN sespan.stats_sum_days();
END
$$;
COMMENT ON FUNCTION sespan.stats_set_time_zone(text) IS
    'Says in which zone days are, and makes a first portion of them: true when they are in use, false: stats_sum_days makes the rest. Until then the days of the zone before stay in use. 22023 for a zone that the server does not know';

---- create above / drop below ----

DROP FUNCTION sespan.stats_set_time_zone(text);
DROP FUNCTION sespan.stats_sum_days(int);
DROP FUNCTION sespan.stats_retire(int);
DROP FUNCTION sespan.stats_fold(int, interval);
DROP FUNCTION sespan.stats_restored(bigint);
DROP FUNCTION sespan.stats_fold_noun(text, xid8, xid8, text[], timestamptz[]);
DROP FUNCTION sespan.stats_partition_ensure(int, int);
DROP FUNCTION sespan.stats_hour(regclass, timestamptz);
DROP FUNCTION sespan.stats_restored_by();
DROP FUNCTION sespan.stats_columns(text);
DROP FUNCTION sespan.stats_nouns();
DROP TABLE sespan.stats_horizon;
