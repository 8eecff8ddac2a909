-- Retention of mails: whole days are dropped. What is not done yet, and what a
-- person may still retry, first moves to the default partition, which therefore
-- keeps the old mails that live on.

CREATE FUNCTION sespan.mail_cutoff() RETURNS timestamptz LANGUAGE sql STABLE
AS $$
    SELECT pg_catalog.date_trunc('day', pg_catalog.now(), 'UTC')
        - pg_catalog.make_interval(days => (SELECT s.value::int FROM sespan.mail_setting s WHERE s.name = 'mail_retention_days'))
$$;
COMMENT ON FUNCTION sespan.mail_cutoff() IS 'UTC midnight before which days are dropped';

CREATE FUNCTION sespan.mail_day(after text, OUT day text, OUT child regclass, OUT of_messages boolean, OUT lower_bound timestamptz) LANGUAGE sql STABLE
AS $$
    SELECT d.day, d.child, d.of_messages, pg_catalog.to_date(d.day, 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC'
    FROM (SELECT pg_catalog.right(c.relname, 8) AS day, c.oid::regclass AS child, i.inhparent = 'sespan.mail_message'::regclass AS of_messages
          FROM pg_catalog.pg_inherits i
          JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent IN ('sespan.mail_message'::regclass, 'sespan.mail_outcome'::regclass) AND c.relname ~ '^mail_(message|outcome)_[0-9]{8}$') d
    WHERE d.day > after AND d.day < pg_catalog.to_char(sespan.mail_cutoff() AT TIME ZONE 'UTC', 'YYYYMMDD')
    ORDER BY d.day, NOT d.of_messages LIMIT 1
$$;
COMMENT ON FUNCTION sespan.mail_day(text) IS 'The oldest day (YYYYMMDD) after the given one that the retention is over for; its messages before its outcomes';

-- Messages of a day that must outlive it: with a recipient in the queue, or dead
-- with a body that is kept for a retry.
CREATE FUNCTION sespan.mail_day_live(child regclass) RETURNS bigint[] LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    low bigint;
    high bigint;
    live bigint[];
BEGIN
    EXECUTE pg_catalog.format('SELECT min(message_id), max(message_id) FROM %s', child) INTO low, high;
    EXECUTE pg_catalog.format('SELECT array_agg(DISTINCT l.message_id)
        FROM (SELECT q.message_id FROM sespan.mail_queue q WHERE q.queue_id BETWEEN $1 * 1024 AND $2 * 1024 + 1023
              UNION ALL SELECT m.message_id FROM %s m WHERE m.wipe_at IS NOT NULL) l', child) INTO live USING low, high;
    RETURN coalesce(live, '{}');
END
$$;
COMMENT ON FUNCTION sespan.mail_day_live(regclass) IS 'Messages in a day''s partition that are not done; ids of neighbouring days may be among them';

-- Drops the oldest day that is over, of the messages first. The locks: whoever is
-- at work on the table is waited for at most 50 ms, so that those who enqueue
-- never wait longer behind this; then ACCESS EXCLUSIVE for the milliseconds that
-- it takes to detach a table and to copy few rows. A day with very many live
-- mails stays as it is until there are fewer: copying them would take too long.
CREATE FUNCTION sespan.mail_retire(after text DEFAULT '', OUT outcome text, OUT day text, OUT moved int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
DECLARE
    most CONSTANT int := 2000;
    d record;
    live bigint[];
BEGIN
    moved := 0;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'mail_retire needs READ COMMITTED: it looks again after it has its locks' USING ERRCODE = 'active_sql_transaction';
    ELSIF NOT pg_try_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, 'sespan.mail_queue'::regclass::oid::int) THEN
        outcome := 'busy'; -- another process does it
        RETURN;
    END IF;
    SELECT * INTO d FROM sespan.mail_day(after);
    day := d.day;
    IF day IS NULL OR d.of_messages AND cardinality(sespan.mail_day_live(d.child)) > most THEN
        outcome := CASE WHEN day IS NULL THEN 'done' ELSE 'kept' END;
        RETURN;
    END IF;
    IF d.of_messages THEN
        EXECUTE format('LOCK TABLE sespan.mail_message, %s IN ACCESS EXCLUSIVE MODE', d.child);
        live := sespan.mail_day_live(d.child);
        EXECUTE format('ALTER TABLE sespan.mail_message DETACH PARTITION %s', d.child);
        EXECUTE format('INSERT INTO sespan.mail_message_default SELECT * FROM %s m WHERE m.message_id = ANY ($1)', d.child) USING live;
    ELSE -- stay where their messages stayed
        EXECUTE format('LOCK TABLE sespan.mail_outcome, %s IN ACCESS EXCLUSIVE MODE', d.child);
        live := ARRAY(SELECT m.message_id FROM sespan.mail_message_default m WHERE m.created_at >= d.lower_bound AND m.created_at < d.lower_bound + interval '1 day');
        EXECUTE format('ALTER TABLE sespan.mail_outcome DETACH PARTITION %s', d.child);
        EXECUTE format('INSERT INTO sespan.mail_outcome_default SELECT o.* FROM unnest($1) l CROSS JOIN LATERAL
                        (SELECT * FROM %s x WHERE x.queue_id BETWEEN l * 1024 AND l * 1024 + 1023 OFFSET 0) o', d.child) USING live;
    END IF;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF NOT d.of_messages THEN
        PERFORM sespan.stats_mail_gone(d.child, live);
    END IF;
    EXECUTE format('DROP TABLE %s', d.child);
    outcome := 'dropped';
EXCEPTION WHEN lock_not_available THEN
    outcome := 'busy';
END
$$;
COMMENT ON FUNCTION sespan.mail_retire(text) IS
    'Drops the oldest day of messages or outcomes that is older than mail_retention_days and later than the given one (YYYYMMDD); live mails move to the default partition. outcome: dropped, kept (very many live mails), busy (try again), done';

-- What lived on in the default partition and is done for as long as the retention.
CREATE FUNCTION sespan.mail_sweep(portion int) RETURNS int LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff timestamptz := sespan.mail_cutoff();
    swept int;
    n int;
BEGIN
    DELETE FROM sespan.mail_message_default d
    WHERE d.ctid = ANY (ARRAY(SELECT m.ctid FROM sespan.mail_message_default m
                              WHERE m.created_at < cutoff AND m.pending = 0 AND m.finished_at < cutoff AND m.wipe_at IS NULL LIMIT portion FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS swept = ROW_COUNT;
    DELETE FROM sespan.mail_outcome_default d
    WHERE d.ctid = ANY (ARRAY(SELECT o.ctid FROM sespan.mail_outcome_default o
                              WHERE o.created_at < cutoff AND o.finished_at < cutoff
                                  AND NOT EXISTS (SELECT FROM sespan.mail_message m WHERE m.message_id = o.message_id AND m.created_at = o.created_at)
                              LIMIT portion FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS n = ROW_COUNT;
    swept := greatest(swept, n);
    RETURN greatest(swept, n);
END
$$;
COMMENT ON FUNCTION sespan.mail_sweep(int) IS 'Deletes old rows of the default partitions, at most a portion of each; returns the largest number, portion for: call again';

-- From one row to the next over all references, because only those of mails that
-- are not done stay: few at any time.
CREATE FUNCTION sespan.mail_attachment_release(INOUT after_sha256 bytea, INOUT after_id bigint, portion int, OUT released int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    seen record;
BEGIN
    SELECT array_agg(u.sha256 ORDER BY u.sha256, u.message_id) AS digests, array_agg(u.message_id ORDER BY u.sha256, u.message_id) AS ids INTO seen
    FROM (SELECT x.sha256, x.message_id FROM sespan.mail_attachment_use x
          WHERE (x.sha256, x.message_id) > (coalesce(after_sha256, ''::bytea), coalesce(after_id, 0)) ORDER BY x.sha256, x.message_id LIMIT portion) u;
    DELETE FROM sespan.mail_attachment_use u
    USING unnest(seen.digests, seen.ids) s(sha256, message_id)
    WHERE u.sha256 = s.sha256 AND u.message_id = s.message_id
        AND NOT EXISTS (SELECT FROM sespan.mail_message m WHERE m.message_id = u.message_id AND m.created_at = u.created_at AND m.attachments IS NOT NULL);
    GET DIAGNOSTICS released = ROW_COUNT;
    after_sha256 := seen.digests[cardinality(seen.digests)];
    after_id := seen.ids[cardinality(seen.ids)];
END
$$;
COMMENT ON FUNCTION sespan.mail_attachment_release(bytea, bigint, int) IS 'Removes references of mails that are done, among a portion of them after the given one; NULL at the end';

-- FOR UPDATE SKIP LOCKED passes by a file that an open transaction refers to; what
-- has been committed since is seen by the statement after it.
CREATE FUNCTION sespan.mail_attachment_sweep(portion int, OUT looked int, OUT removed int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    old bigint[] := ARRAY(SELECT a.attachment_id FROM sespan.mail_attachment a WHERE a.seen_at < now() - interval '1 day'
                          ORDER BY a.seen_at LIMIT portion FOR UPDATE SKIP LOCKED);
BEGIN
    looked := cardinality(old);
    DELETE FROM sespan.mail_attachment a
    WHERE a.attachment_id = ANY (old)
        AND (a.size_bytes IS NULL OR NOT EXISTS (SELECT FROM sespan.mail_attachment_use u WHERE u.sha256 = a.sha256)
             OR EXISTS (SELECT FROM sespan.mail_attachment b WHERE b.sha256 = a.sha256 AND b.attachment_id < a.attachment_id AND b.size_bytes IS NOT NULL));
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE sespan.mail_attachment a SET seen_at = now() WHERE a.attachment_id = ANY (old);
END
$$;
COMMENT ON FUNCTION sespan.mail_attachment_sweep(int) IS 'Removes files older than a day that no mail needs, and second copies, among a portion of them; looked = portion: call again';

---- create above / drop below ----

DROP FUNCTION sespan.mail_attachment_sweep(int), sespan.mail_attachment_release(bytea, bigint, int), sespan.mail_sweep(int), sespan.mail_retire(text),
    sespan.mail_day_live(regclass), sespan.mail_day(text), sespan.mail_cutoff();
