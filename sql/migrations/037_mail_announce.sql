-- Announcements: which rows of the queue a message broker is told of, so that senders hear
-- from it what is next. The rows stay the truth; the broker carries references to them.

CREATE FUNCTION sespan.mail_lane(priority smallint) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN priority <= 3 THEN 'urgent' WHEN priority <= 6 THEN 'normal' ELSE 'bulk' END $$;
COMMENT ON FUNCTION sespan.mail_lane(smallint) IS 'The way of its own that a priority has through a message broker: urgent (0 to 3), normal (4 to 6), bulk (7 to 9)';

-- How far the announcements of each priority have come. Every row that is announced and not
-- claimed lies behind "first" and not behind "last", so nobody who counts them walks over the
-- waiting rows, nor over the dead index entries that an old snapshot keeps. Whoever marks
-- holds the rows of the lane: that is what keeps its window exact.
CREATE TABLE sespan.mail_announce (
    priority     smallint    PRIMARY KEY CHECK (priority BETWEEN 0 AND 9),
    first_id     bigint      NOT NULL DEFAULT 0,
    last_id      bigint      NOT NULL DEFAULT 0,
    first_due_at timestamptz NOT NULL DEFAULT '-infinity',
    last_due_at  timestamptz NOT NULL DEFAULT '-infinity',
    last_due_id  bigint      NOT NULL DEFAULT 0,
    marked_at    timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);
INSERT INTO sespan.mail_announce (priority) SELECT generate_series(0, 9);
COMMENT ON TABLE sespan.mail_announce IS 'How far the announcements of each priority have come; locked by whoever makes some';
COMMENT ON COLUMN sespan.mail_announce.priority IS '0 (first) to 9 (last)';
COMMENT ON COLUMN sespan.mail_announce.first_id IS 'No queued row up to this queue_id is announced; none was waiting there at the last look';
COMMENT ON COLUMN sespan.mail_announce.last_id IS 'Highest queue_id of a queued row that was announced';
COMMENT ON COLUMN sespan.mail_announce.first_due_at IS 'As first_id for scheduled rows and retries: none that was due before this moment';
COMMENT ON COLUMN sespan.mail_announce.last_due_at IS 'As last_id for scheduled rows and retries, which stand in the order of due_at and queue_id';
COMMENT ON COLUMN sespan.mail_announce.last_due_id IS 'queue_id that belongs to last_due_at';
COMMENT ON COLUMN sespan.mail_announce.marked_at IS 'When a row was last marked while the broker was taking announcements';

CREATE FUNCTION sespan.mail_announce_reset() RETURNS void LANGUAGE sql VOLATILE
AS $$
    UPDATE sespan.mail_announce a SET first_id = 0, last_id = 0, first_due_at = '-infinity', last_due_at = '-infinity',
                                      last_due_id = 0, marked_at = '-infinity'
$$;
COMMENT ON FUNCTION sespan.mail_announce_reset() IS 'Forgets how far the announcements have come; for a queue without marks';

-- Never read: the row type of mail_announce_mark.
CREATE VIEW sespan.mail_announced AS
SELECT NULL::text AS lane, NULL::int AS unclaimed, NULL::float8 AS oldest, NULL::boolean AS more, NULL::timestamptz AS announced_at,
       NULL::int AS repeated, NULL::bigint[] AS queue_ids, NULL::text AS head, NULL::boolean AS unchanged
WHERE false;
COMMENT ON VIEW sespan.mail_announced IS
    'Row type of mail_announce_mark: what is announced and not claimed now, the age of the oldest in seconds, whether more waits, the rows that were marked, the most urgent first, where a full window begins, and whether it begins as it did (then nothing was counted)';

-- Where the announced rows of a lane begin. Claims begin there, too: while it is the same a full
-- window is taken for full and not counted again, which would read thousands of rows. Reads 32 rows
-- of each kind and priority. OFFSET 0, here and below: the look begins at the bounds whatever the
-- statistics say, see queries/mail_queue.sql.
CREATE FUNCTION sespan.mail_announce_head(lane_name text) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
    SELECT string_agg(x.queue_id::text, ',' ORDER BY a.priority, x.fresh, x.queue_id)
    FROM sespan.mail_announce a CROSS JOIN LATERAL (
        (SELECT true AS fresh, q.queue_id FROM sespan.mail_queue q
         WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (a.priority, a.first_id) AND (q.priority, q.queue_id) <= (a.priority, a.last_id)
           AND q.announced_at >= q.due_at
         ORDER BY q.priority, q.queue_id LIMIT 32)
        UNION ALL
        (SELECT false, q.queue_id FROM sespan.mail_queue q
         WHERE q.state IN ('scheduled', 'retry') AND q.priority = a.priority AND q.due_at >= a.first_due_at
           AND (q.due_at, q.queue_id) <= (a.last_due_at, a.last_due_id) AND q.announced_at >= q.due_at
         ORDER BY q.due_at, q.queue_id LIMIT 32)) x
    WHERE sespan.mail_lane(a.priority) = lane_name
$$;
COMMENT ON FUNCTION sespan.mail_announce_head(text) IS 'The first announced and unclaimed rows of a lane, as a text to compare';

-- One lane. Locks its rows of mail_announce, so that two announcers never fill a window
-- twice, then the rows that it marks, skipping locked ones. Every statement in here sees what was
-- committed before it began, so the count includes the marks of whoever held the lock.
-- Rows are compared as pairs, because PostgreSQL would else walk along the primary key.
-- Without "sweep" the look begins at first_…: what commits late behind it waits for the next one.
CREATE FUNCTION sespan.mail_announce_lane(lane_name text, max_unclaimed int, batch int, again_after float8, again_batch int, known_head text, sweep boolean) RETURNS sespan.mail_announced
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
    r sespan.mail_announced;
    instant timestamptz;
    due_limit int := greatest(batch / 4, 1); -- retries never crowd out what is fresh
BEGIN
    IF known_head <> '' THEN
        r.head := sespan.mail_announce_head(lane_name);
        IF r.head = known_head THEN
            r := (lane_name, 0, 0, false, clock_timestamp(), 0, '{}', known_head, true);
            RETURN r;
        END IF;
    END IF;
    instant := clock_timestamp(); -- a variable, because a volatile function is no bound of an index scan
    -- An idle lane is not locked, for that would write to it.
    IF NOT EXISTS (
        SELECT FROM sespan.mail_announce a WHERE sespan.mail_lane(a.priority) = lane_name
          AND (sweep AND (a.first_id <> a.last_id OR a.first_due_at <> a.last_due_at)
            OR EXISTS (SELECT FROM sespan.mail_queue q WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (a.priority, CASE WHEN sweep THEN 0 ELSE a.first_id END) AND q.priority <= a.priority)
            OR EXISTS (SELECT FROM sespan.mail_queue q WHERE q.state IN ('scheduled', 'retry') AND q.priority = a.priority AND q.due_at >= CASE WHEN sweep THEN '-infinity' ELSE a.first_due_at END AND q.due_at <= instant))) THEN
        r := (lane_name, 0, 0, false, instant, 0, '{}', '', false);
        RETURN r;
    END IF;
    PERFORM FROM sespan.mail_announce a WHERE sespan.mail_lane(a.priority) = lane_name ORDER BY a.priority FOR UPDATE;
    instant := clock_timestamp();
    WITH head AS MATERIALIZED ( -- up to where the announcements have come
        SELECT a.priority, x.*, coalesce(x.announced_at >= x.due_at, false) AS announced
        FROM sespan.mail_announce a CROSS JOIN LATERAL (
            SELECT true AS fresh, q.queue_id, q.due_at, q.announced_at FROM sespan.mail_queue q
            WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (a.priority, CASE WHEN sweep THEN 0 ELSE a.first_id END) AND (q.priority, q.queue_id) <= (a.priority, a.last_id)
            UNION ALL
            SELECT false, q.queue_id, q.due_at, q.announced_at FROM sespan.mail_queue q
            WHERE q.state IN ('scheduled', 'retry') AND q.priority = a.priority AND q.due_at <= instant
              AND q.due_at >= CASE WHEN sweep THEN '-infinity' ELSE a.first_due_at END
              AND (q.due_at, q.queue_id) <= (a.last_due_at, a.last_due_id) OFFSET 0) x
        WHERE sespan.mail_lane(a.priority) = lane_name
    ), tally AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE h.announced)::int AS unclaimed, min(h.announced_at) FILTER (WHERE h.announced) AS oldest FROM head h
    ), beyond AS MATERIALIZED ( -- and behind it
        SELECT a.priority, true AS fresh, x.queue_id FROM sespan.mail_announce a CROSS JOIN LATERAL (
            SELECT q.queue_id FROM sespan.mail_queue q
            WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (a.priority, a.last_id) AND q.priority <= a.priority
            ORDER BY q.priority, q.queue_id LIMIT batch) x
        WHERE sespan.mail_lane(a.priority) = lane_name
        UNION ALL
        (SELECT a.priority, false, x.queue_id FROM sespan.mail_announce a CROSS JOIN LATERAL (
            SELECT q.queue_id FROM sespan.mail_queue q
            WHERE q.state IN ('scheduled', 'retry') AND q.priority = a.priority AND (q.due_at, q.queue_id) > (a.last_due_at, a.last_due_id) AND q.due_at <= instant
            ORDER BY q.due_at, q.queue_id LIMIT due_limit) x
        WHERE sespan.mail_lane(a.priority) = lane_name
        ORDER BY a.priority LIMIT due_limit)
    ), fitting AS MATERIALIZED (
        SELECT c.queue_id FROM (SELECT h.priority, h.fresh, h.queue_id FROM head h WHERE NOT h.announced UNION ALL TABLE beyond) c
        ORDER BY c.priority, c.fresh, c.queue_id
        LIMIT greatest(least(batch, max_unclaimed - (SELECT t.unclaimed FROM tally t)), 0)
    ), again AS MATERIALIZED (
        SELECT h.queue_id FROM head h WHERE h.announced AND h.announced_at < instant - make_interval(secs => again_after) ORDER BY h.announced_at LIMIT again_batch
    ), picked AS MATERIALIZED (
        SELECT q.queue_id, q.announced_at >= q.due_at AS repeated FROM sespan.mail_queue q
        WHERE q.queue_id = ANY (ARRAY(SELECT f.queue_id FROM fitting f UNION ALL SELECT a.queue_id FROM again a))
          AND (q.state = 'queued' OR q.state IN ('scheduled', 'retry') AND q.due_at <= instant)
        FOR UPDATE SKIP LOCKED
    ), marked AS (
        UPDATE sespan.mail_queue q SET announced_at = instant WHERE q.queue_id = ANY (ARRAY(SELECT p.queue_id FROM picked p))
        RETURNING q.priority, q.queue_id, q.due_at, q.state = 'queued' AS fresh
    ), waiting AS MATERIALIZED (
        SELECT h.priority, min(h.queue_id) FILTER (WHERE h.fresh) - 1 AS first_id, min(h.due_at) FILTER (WHERE NOT h.fresh) AS first_due_at FROM head h GROUP BY h.priority
    ), reached AS MATERIALIZED (
        SELECT m.priority, max(m.queue_id) FILTER (WHERE m.fresh) AS last_id, max(m.due_at) FILTER (WHERE NOT m.fresh) AS last_due_at,
               (array_agg(m.queue_id ORDER BY m.due_at DESC, m.queue_id DESC) FILTER (WHERE NOT m.fresh))[1] AS last_due_id
        FROM marked m GROUP BY m.priority
    ), bound AS (
        SELECT a.priority, coalesce(w.first_id, a.last_id) AS first_id, coalesce(w.first_due_at, a.last_due_at) AS first_due_at, greatest(a.last_id, n.last_id) AS last_id,
               (n.last_due_at, n.last_due_id) > (a.last_due_at, a.last_due_id) AS due_further, n.last_due_at, n.last_due_id, n.priority IS NOT NULL AS marked
        FROM sespan.mail_announce a LEFT JOIN waiting w USING (priority) LEFT JOIN reached n USING (priority)
        WHERE sespan.mail_lane(a.priority) = lane_name
    ), moved AS ( -- "first" is written along with a mark, or by a look from the start: an idle lane is not written to
        UPDATE sespan.mail_announce a
        SET first_id = b.first_id, first_due_at = b.first_due_at, last_id = b.last_id,
            last_due_at = CASE WHEN b.due_further THEN b.last_due_at ELSE a.last_due_at END, last_due_id = CASE WHEN b.due_further THEN b.last_due_id ELSE a.last_due_id END,
            marked_at = CASE WHEN b.marked AND batch > 1 THEN instant ELSE a.marked_at END
        FROM bound b
        WHERE a.priority = b.priority AND (b.marked OR sweep AND (a.first_id, a.first_due_at) <> (b.first_id, b.first_due_at))
    )
    SELECT lane_name, t.unclaimed + count(p.queue_id) FILTER (WHERE p.repeated IS NOT TRUE), coalesce(extract(epoch FROM instant - t.oldest), 0),
           count(m.queue_id) > 0 AND ((SELECT count(*) FROM fitting) >= batch OR (SELECT count(*) FROM beyond b WHERE NOT b.fresh) >= due_limit),
           instant, count(*) FILTER (WHERE p.repeated), coalesce(array_agg(m.queue_id ORDER BY m.priority, m.fresh, m.queue_id) FILTER (WHERE m.queue_id IS NOT NULL), '{}'), '', false
    INTO r
    FROM tally t LEFT JOIN (picked p JOIN marked m USING (queue_id)) ON true
    GROUP BY t.unclaimed, t.oldest;
    IF r.unclaimed >= max_unclaimed THEN
        r.head := sespan.mail_announce_head(lane_name);
    END IF;
    RETURN r;
END
$$;
COMMENT ON FUNCTION sespan.mail_announce_lane(text, int, int, float8, int, text, boolean) IS
    'Marks the next rows of a lane as announced, at most a batch and never more unclaimed ones than given, and again so many that nobody claimed for these seconds; nothing is counted while a window that was full begins with the rows of known_head; a batch of 1 is a trial while the broker takes nothing';

CREATE FUNCTION sespan.mail_announce_mark(max_unclaimed int[], batches int[], again_after float8[], again_batches int[], known_heads text[], sweeps boolean[]) RETURNS SETOF sespan.mail_announced
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lanes CONSTANT text[] := '{urgent,normal,bulk}';
BEGIN
    IF EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = 'all') THEN
        RETURN;
    END IF;
    FOR n IN 1..3 LOOP
        IF batches[n] > 0 THEN
            RETURN NEXT sespan.mail_announce_lane(lanes[n], max_unclaimed[n], batches[n], again_after[n], again_batches[n], known_heads[n], sweeps[n]);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_announce_mark(int[], int[], float8[], int[], text[], boolean[]) IS
    'mail_announce_lane for the lanes urgent, normal and bulk that have a batch; nothing during a pause of all mails';

CREATE FUNCTION sespan.mail_announce_clear(queue_ids bigint[], announced_at timestamptz[]) RETURNS int LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH picked AS MATERIALIZED (
        SELECT q.queue_id FROM sespan.mail_queue q JOIN unnest(mail_announce_clear.queue_ids, mail_announce_clear.announced_at) c (queue_id, at) ON q.announced_at = c.at AND q.queue_id = c.queue_id
        WHERE q.queue_id = ANY (mail_announce_clear.queue_ids) AND q.state IN ('queued', 'scheduled', 'retry')
        FOR UPDATE OF q SKIP LOCKED
    ), cleared AS (
        UPDATE sespan.mail_queue q SET announced_at = NULL WHERE q.queue_id = ANY (ARRAY(SELECT p.queue_id FROM picked p)) RETURNING 1
    )
    SELECT count(*)::int FROM cleared
$$;
COMMENT ON FUNCTION sespan.mail_announce_clear(bigint[], timestamptz[]) IS
    'Takes back marks that are still these, of rows that wait: the broker did not take the announcement, or nobody had room. Skips locked rows, which are announced again by their age';

CREATE FUNCTION sespan.mail_unclaimed() RETURNS TABLE (lane text, unclaimed bigint) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
    SELECT sespan.mail_lane(a.priority), sum((
        SELECT count(*) FROM sespan.mail_queue q
        WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (a.priority, a.first_id) AND (q.priority, q.queue_id) <= (a.priority, a.last_id) AND q.announced_at >= q.due_at
    ) + (
        SELECT count(*) FROM sespan.mail_queue q
        WHERE q.state IN ('scheduled', 'retry') AND q.priority = a.priority AND q.due_at <= clock_timestamp() AND q.due_at >= a.first_due_at
          AND (q.due_at, q.queue_id) <= (a.last_due_at, a.last_due_id) AND q.announced_at >= q.due_at
    ))::bigint
    FROM sespan.mail_announce a GROUP BY 1
$$;
COMMENT ON FUNCTION sespan.mail_unclaimed() IS 'By lane: mails that a message broker was told of and that no sender has claimed yet';

-- Looks at single rows only: the first of each priority, which the bounds of mail_announce find.
CREATE FUNCTION sespan.mail_fallback(OUT urgent boolean, OUT others boolean, OUT reason text) LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    living int;
    confirmed int;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE coalesce(w.waiting_since > instant - interval '3 s', true)) INTO living, confirmed
    FROM sespan.mail_worker w WHERE w.kind = 'announcer' AND w.seen_at > instant - interval '5 s';
    IF confirmed = 0 THEN
        urgent := true;
        others := true;
        reason := CASE living WHEN 0 THEN 'no_announcer' ELSE 'no_confirmation' END;
        RETURN;
    END IF;
    SELECT coalesce(bool_or(x.lane = 'urgent'), false), coalesce(bool_or(x.lane <> 'urgent'), false) INTO urgent, others
    FROM (SELECT sespan.mail_lane(a.priority) AS lane, CASE WHEN a.priority <= 3 THEN interval '3 s' ELSE interval '15 s' END AS patience, max(a.marked_at) AS marked_at,
                 min(a.priority) AS low, max(a.priority) AS high
          FROM sespan.mail_announce a GROUP BY 1, 2) x
    CROSS JOIN LATERAL (
        SELECT q.due_at, q.announced_at FROM sespan.mail_announce a CROSS JOIN LATERAL (
            SELECT f.due_at, f.announced_at FROM sespan.mail_queue f
            WHERE f.state = 'queued' AND (f.priority, f.queue_id) > (a.priority, a.first_id) AND f.priority <= a.priority ORDER BY f.priority, f.queue_id LIMIT 1) q
        WHERE a.priority BETWEEN x.low AND x.high
        UNION ALL
        SELECT q.due_at, q.announced_at FROM sespan.mail_announce a CROSS JOIN LATERAL (
            SELECT f.due_at, f.announced_at FROM sespan.mail_queue f
            WHERE f.state IN ('scheduled', 'retry') AND f.priority = a.priority AND f.due_at >= a.first_due_at AND f.due_at <= instant ORDER BY f.due_at, f.queue_id LIMIT 1) q
        WHERE a.priority BETWEEN x.low AND x.high) h
    WHERE h.due_at < instant - x.patience AND NOT EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = 'all')
      AND CASE WHEN h.announced_at >= h.due_at THEN h.announced_at < instant - x.patience ELSE x.marked_at < instant - x.patience END;
    reason := CASE WHEN urgent THEN 'urgent_waits' WHEN others THEN 'others_wait' END;
END
$$;
COMMENT ON FUNCTION sespan.mail_fallback() IS
    'Whether senders claim from the database although there is a message broker, for urgent mails and for others: no announcer lives (no_announcer), none had a confirmation for 3 s while it had something to announce (no_confirmation), or the first mail of a priority waits for 3 s, in others than the urgent one 15 s, unannounced while nothing of its lane is, or unclaimed (urgent_waits, others_wait); reason is NULL where neither';

---- create above / drop below ----

DROP FUNCTION sespan.mail_fallback(), sespan.mail_unclaimed(), sespan.mail_announce_clear(bigint[], timestamptz[]), sespan.mail_announce_mark(int[], int[], float8[], int[], text[], boolean[]),
    sespan.mail_announce_lane(text, int, int, float8, int, text, boolean), sespan.mail_announce_head(text), sespan.mail_announce_reset();
DROP VIEW sespan.mail_announced;
DROP TABLE sespan.mail_announce;
DROP FUNCTION sespan.mail_lane(smallint);
