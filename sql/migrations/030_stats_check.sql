-- The counts against the rows that prove them.

-- The partitions of appended counts for the hours to come; maintenance makes more.
SELECT sespan.stats_partition_ensure(2);

-- A count means the same where it is appended, in quarters and in days.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('COMMENT ON COLUMN sespan.%I.%I IS %L', c.relname, a.attname, col_description(q.oid, b.attnum))
        FROM unnest(sespan.stats_nouns()) n
        JOIN pg_class q ON q.relnamespace = 'sespan'::regnamespace AND q.relname = 'stats_' || n || '_quarter'
        JOIN pg_class c ON c.relnamespace = q.relnamespace AND c.relname IN ('stats_' || n, 'stats_' || n || '_hour', 'stats_' || n || '_day')
        JOIN pg_attribute b ON b.attrelid = q.oid AND b.attnum > 0
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = b.attname
        WHERE col_description(c.oid, a.attnum) IS NULL
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- Never read: it is the row type of stats_check.
CREATE VIEW sespan.stats_difference AS
SELECT NULL::text AS noun, NULL::date AS day, NULL::text AS count, NULL::numeric AS counted, NULL::numeric AS proven, NULL::numeric AS difference
WHERE false;
COMMENT ON VIEW sespan.stats_difference IS 'The row type of stats_check; always empty';

-- Never read: it is the row type of what is compared.
CREATE VIEW sespan.stats_figure AS SELECT NULL::date AS day, NULL::text AS count, NULL::numeric AS value WHERE false;
COMMENT ON VIEW sespan.stats_figure IS 'A count of a day, as it is counted or proven; always empty';

-- level: quarter, hour or day for the sums alone, total for days with what is fresh. What
-- is counted and lost its row since (gone_…) is left out in the last.
CREATE FUNCTION sespan.stats_counted(noun text, level text, zone text) RETURNS SETOF sespan.stats_figure
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE (
        SELECT format($sql$
            SELECT s.day, concat_ws(' ', %4$s, v.count), sum(v.value)
            FROM (SELECT x.day, %1$s, %3$s FROM (%2$s) x GROUP BY x.day, %1$s) s CROSS JOIN LATERAL (VALUES %5$s) v (count, value)
            GROUP BY 1, 2
        $sql$, d.list, CASE
            WHEN level IN ('quarter', 'hour') THEN format('SELECT (bucket AT TIME ZONE $1)::date AS day, * FROM sespan.%I', 'stats_' || noun || '_' || level)
            WHEN level = 'day' THEN format('SELECT * FROM sespan.%I WHERE time_zone = $1', 'stats_' || noun || '_day')
            ELSE format('SELECT day, %1$s, %2$s FROM sespan.%3$I WHERE time_zone = $1 UNION ALL
                         SELECT (bucket AT TIME ZONE $1)::date, %1$s, %2$s FROM sespan.%4$I WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h)',
                        d.list, c.list, 'stats_' || noun || '_day', 'stats_' || noun || '_appended')
            END, c.sums, d.names, CASE level WHEN 'total' THEN c.kept ELSE c.all END)
        FROM sespan.stats_columns(noun) n
        CROSS JOIN LATERAL (SELECT string_agg(x, ', ') AS list, string_agg(format('%L || coalesce(s.%s::text, ''none'')', x || '=', x), ', ') AS names
                            FROM unnest(n.dimensions) x) d
        CROSS JOIN LATERAL (SELECT string_agg(x, ', ') AS list, string_agg(format('sum(x.%1$s) AS %1$s', x), ', ') AS sums,
                                   string_agg(format('(%L, s.%s)', x, x), ', ') AS all,
                                   string_agg(CASE WHEN x LIKE 'gone\_%' THEN format('(%L, -s.%s)', substr(x, 6), x) ELSE format('(%L, s.%s)', x, x) END, ', ') AS kept
                            FROM unnest(n.counts) x) c
    ) USING zone;
END
$$;
COMMENT ON FUNCTION sespan.stats_counted(text, text, text) IS 'The counts of a noun by day, of one level: quarter, hour, day or total';

-- Before the oldest day of a table whose days are dropped nothing is proven. As
-- long as the day in which counting began is there, nothing was dropped.
CREATE FUNCTION sespan.stats_proven_since(parent regclass) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN x.oldest > (h.counting_since AT TIME ZONE 'UTC')::date THEN x.oldest::timestamp AT TIME ZONE 'UTC' ELSE '-infinity' END
    FROM sespan.stats_horizon h,
         (SELECT min(to_date(right(c.relname, 8), 'YYYYMMDD')) AS oldest FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = parent AND c.relname ~ '_[0-9]{8}$') x
$$;
COMMENT ON FUNCTION sespan.stats_proven_since(regclass) IS 'From when on the rows of a table that is partitioned by days are all there';

CREATE FUNCTION sespan.stats_proof_api(since timestamptz, zone text) RETURNS SETOF sespan.stats_figure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH hit AS (
        SELECT (l.time_requested AT TIME ZONE zone)::date AS day, format('request_type=%s outcome=%s ', l.request_type, l.outcome) AS of,
               width_bucket(x.us, ARRAY[5001, 10001, 25001, 50001, 100001, 250001, 500001, 1000001, 2500001, 5000001]::bigint[]) AS bin,
               sum(l.stands_for) AS calls, sum(x.us * l.stands_for) AS elapsed_us
        FROM sespan.api_log l CROSS JOIN LATERAL (SELECT sespan.stats_api_us(l.elapsed_time) AS us) x
        WHERE l.time_requested >= since GROUP BY 1, 2, 3
    )
    SELECT h.day, h.of || x.count, sum(x.value)
    FROM hit h CROSS JOIN LATERAL (VALUES ('calls', h.calls), ('elapsed_us', h.elapsed_us),
        ((ARRAY['le_5', 'le_10', 'le_25', 'le_50', 'le_100', 'le_250', 'le_500', 'le_1000', 'le_2500', 'le_5000', 'le_inf'])[h.bin + 1], h.calls)) x (count, value)
    GROUP BY 1, 2
$$;
COMMENT ON FUNCTION sespan.stats_proof_api(timestamptz, text) IS 'What the API log proves';

CREATE FUNCTION sespan.stats_proof_otp(since timestamptz, zone text) RETURNS SETOF sespan.stats_figure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (x.at AT TIME ZONE zone)::date, format('purpose=%s %s', x.purpose, x.count), count(*)::numeric
    FROM (SELECT o.created_at AS at, o.purpose, CASE WHEN o.created_at = c.created_at THEN 'issued' ELSE 'resent' END AS count
          FROM sespan.otp o JOIN sespan.otp_challenge c USING (challenge_id) WHERE o.message_id IS NOT NULL AND NOT c.decoy
          UNION ALL
          SELECT o.valid_until, o.purpose, 'expired'
          FROM sespan.otp o JOIN sespan.otp_challenge c USING (challenge_id) WHERE o.message_id IS NOT NULL AND NOT c.decoy AND o.status = 'expired'
          UNION ALL
          SELECT c.verified_at, c.purpose, 'verified' FROM sespan.otp_challenge c WHERE c.verified_at IS NOT NULL) x
    WHERE x.at >= since GROUP BY 1, 2
$$;
COMMENT ON FUNCTION sespan.stats_proof_otp(timestamptz, text) IS 'What codes and challenges prove';

CREATE FUNCTION sespan.stats_proof_transaction(since timestamptz, zone text) RETURNS SETOF sespan.stats_figure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (x.at AT TIME ZONE zone)::date, format('tier_id=%s %s', coalesce(x.tier_id::text, 'none'), v.count), sum(v.value)
    FROM (SELECT l.transaction_time AS at, l.*, false AS undone FROM sespan.transaction_log l
          UNION ALL
          SELECT l.cancelled_at, l.*, true FROM sespan.transaction_log l WHERE l.cancelled_at IS NOT NULL) x
    CROSS JOIN LATERAL (SELECT v.count, v.value FROM (VALUES
        (false, 'draws', 1), (false, 'wins', x.discounted::int), (false, 'capped', (x.capped_by IS NOT NULL AND x.draw_number < x.draw_threshold)::int),
        (false, 'threshold', coalesce(x.draw_threshold, 0)), (false, 'amount', x.transaction_amount), (false, 'discount', x.transaction_amount - x.discounted_amount),
        (true, 'cancelled', 1), (true, 'cancelled_wins', x.discounted::int), (true, 'cancelled_amount', x.transaction_amount),
        (true, 'cancelled_discount', x.transaction_amount - x.discounted_amount)) v (undone, count, value) WHERE v.undone = x.undone) v
    WHERE x.at >= since GROUP BY 1, 2
$$;
COMMENT ON FUNCTION sespan.stats_proof_transaction(timestamptz, text) IS 'What transaction_log proves';

CREATE FUNCTION sespan.stats_proof_mail(since timestamptz, zone text) RETURNS SETOF sespan.stats_figure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (o.finished_at AT TIME ZONE zone)::date, format('outcome=%s mails', o.state), count(*)::numeric
    FROM sespan.mail_outcome o WHERE o.finished_at >= since GROUP BY 1, 2
$$;
COMMENT ON FUNCTION sespan.stats_proof_mail(timestamptz, text) IS 'What the outcomes of mails prove';

CREATE FUNCTION sespan.stats_proof(noun text, since date, zone text) RETURNS SETOF sespan.stats_difference
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unproven CONSTANT text := '(failed|locked|outcome=retried mails)$'; -- by no row
    since_when timestamptz := CASE noun WHEN 'api' THEN greatest(sespan.stats_proven_since('sespan.api_log'), (SELECT r.whole_since FROM sespan.api_log_retention r))
                                        WHEN 'mail' THEN greatest(sespan.stats_proven_since('sespan.mail_outcome'), sespan.mail_cutoff())
                                        ELSE '-infinity' END;
    first_day date := greatest((since_when AT TIME ZONE zone)::date, since);
BEGIN
    IF first_day::timestamp AT TIME ZONE zone < since_when THEN
        first_day := first_day + 1; -- a whole day
    END IF;
    RETURN QUERY EXECUTE format($sql$
        SELECT $1, day, count, coalesce(c.value, 0), coalesce(p.value, 0), coalesce(c.value, 0) - coalesce(p.value, 0)
        FROM (SELECT * FROM sespan.stats_counted($1, 'total', $3) x WHERE x.day >= $2 AND x.count !~ $4) c
        FULL JOIN sespan.%I($2::timestamp AT TIME ZONE $3, $3) p USING (day, count)
    $sql$, 'stats_proof_' || noun) USING noun, first_day, zone, unproven;
END
$$;
COMMENT ON FUNCTION sespan.stats_proof(text, date, text) IS 'The counts of a noun beside what rows prove, for the days whose rows are all there';

-- One snapshot for all of it, so it is exact while calls and mails come in. It reads
-- whole tables, without a lock: a DBA's or the command's, not a page's.
CREATE FUNCTION sespan.stats_check(since date DEFAULT NULL, every boolean DEFAULT false) RETURNS SETOF sespan.stats_difference
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    noun text;
    zone text := (SELECT h.time_zone FROM sespan.stats_horizon h);
BEGIN
    FOREACH noun IN ARRAY sespan.stats_nouns() LOOP
        RETURN QUERY SELECT p.* FROM sespan.stats_proof(noun, coalesce(since, '-infinity'), zone) p WHERE every OR p.difference <> 0;
        RETURN QUERY
        SELECT noun, day, 'quarters of ' || count, coalesce(q.value, 0), coalesce(d.value, 0), coalesce(q.value, 0) - coalesce(d.value, 0)
        FROM sespan.stats_counted(noun, 'quarter', zone) q FULL JOIN sespan.stats_counted(noun, 'day', zone) d USING (day, count)
        WHERE day >= coalesce(since, '-infinity') AND (every OR coalesce(q.value, 0) <> coalesce(d.value, 0));
        RETURN QUERY
        SELECT noun, day, 'hours of ' || count, coalesce(h.value, 0), coalesce(q.value, 0), coalesce(h.value, 0) - coalesce(q.value, 0)
        FROM sespan.stats_counted(noun, 'hour', 'UTC') h FULL JOIN sespan.stats_counted(noun, 'quarter', 'UTC') q USING (day, count)
        WHERE day >= coalesce(since, '-infinity') AND (every OR coalesce(h.value, 0) <> coalesce(q.value, 0));
    END LOOP;
    RETURN QUERY
    SELECT 'api', c.day, 'le_5 to le_inf as calls', c.bins, c.calls, c.bins - c.calls
    FROM (SELECT x.day, sum(x.value) FILTER (WHERE x.count ~ ' le_') AS bins, sum(x.value) FILTER (WHERE x.count ~ ' calls$') AS calls
          FROM sespan.stats_counted('api', 'total', zone) x WHERE x.day >= coalesce(since, '-infinity') GROUP BY 1) c
    WHERE every OR c.bins <> c.calls;
END
$$;
COMMENT ON FUNCTION sespan.stats_check(date, boolean) IS
    'Compares the counts with the rows that prove them, for each day (from since on, in the zone of the days) whose rows are all there, quarters with days and with hours, and sums that must agree. Gives what differs; with every, all that was compared';

-- Reads the catalogs alone. The list is all of ours, which a test holds.
CREATE FUNCTION sespan.triggers_off(OUT relation text, OUT name text, OUT counts boolean, OUT missing boolean) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.relation, w.name, w.counts, t.oid IS NULL
    FROM (VALUES
        ('api_key', 'api_key_audit', false), ('api_log', 'stats_api_count', true), ('audit', 'audit_guard', false),
        ('budget_limit', 'budget_limit_audit', false), ('mail_outcome', 'stats_mail_deleted', true), ('mail_outcome', 'stats_mail_inserted', true),
        ('mail_outcome', 'stats_mail_updated', true), ('mail_pause', 'mail_pause_audit', false), ('mail_queue', 'mail_doorbell_ring', false),
        ('mail_setting', 'mail_setting_audit', false), ('mail_suppression', 'mail_suppression_audit', false),
        ('mail_suppression', 'mail_suppression_audit_delete', false), ('otp', 'count_otp_gone', true), ('otp', 'otp_challenge_follow', false),
        ('otp', 'stats_otp_expired', true), ('otp', 'stats_otp_mailed', true), ('otp_challenge', 'stats_otp_challenge_gone', true),
        ('otp_challenge', 'stats_otp_ended', true), ('otp_challenge', 'stats_otp_failed', true),
        ('transaction_log', 'stats_transaction_cancelled', true), ('transaction_log', 'stats_transaction_drawn', true),
        ('transaction_log', 'transaction_log_audit', false), ('transaction_tier', 'transaction_tier_audit', false),
        ('transaction_tier', 'transaction_tier_changed', false)
    ) AS w (relation, name, counts)
    LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass('sespan.' || w.relation) AND t.tgname = w.name
    WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A')
    ORDER BY w.name
$$;
COMMENT ON FUNCTION sespan.triggers_off() IS
    'Our triggers that are gone (missing) or disabled, none as a rule; counts: what is written meanwhile is missing in all statistics';

---- create above / drop below ----

DROP FUNCTION sespan.triggers_off();
DROP FUNCTION sespan.stats_check(date, boolean);
DROP FUNCTION sespan.stats_proof(text, date, text);
DROP FUNCTION sespan.stats_proof_mail(timestamptz, text), sespan.stats_proof_transaction(timestamptz, text),
    sespan.stats_proof_otp(timestamptz, text), sespan.stats_proof_api(timestamptz, text);
DROP FUNCTION sespan.stats_proven_since(regclass);
DROP FUNCTION sespan.stats_counted(text, text, text);
DROP VIEW sespan.stats_figure, sespan.stats_difference;
