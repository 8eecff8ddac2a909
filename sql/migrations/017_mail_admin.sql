-- The calls of people. Those that change the queue answer a row for every recipient
-- that they looked at, pass by what a worker holds, and leave one row in the audit.

-- Never read: the row types of the functions below.
CREATE VIEW sespan.mail_change AS
SELECT NULL::bigint AS queue_id, NULL::bigint AS message_id, NULL::text AS recipient, NULL::text AS was, NULL::text AS state,
       NULL::boolean AS changed, NULL::text AS reason, NULL::jsonb AS facts, NULL::text AS why
WHERE false;
COMMENT ON VIEW sespan.mail_change IS 'Row type of mail_retry and mail_cancel: one recipient, its state before and after, and why it was left as it is';

CREATE FUNCTION sespan.mail_check_ids(ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF ids IS NULL OR pg_catalog.cardinality(ids) > 10000 OR pg_catalog.array_ndims(ids) > 1
       OR EXISTS (SELECT FROM pg_catalog.unnest(ids) i WHERE i IS NULL) THEN
        RAISE EXCEPTION 'ids: must be a plain list of at most 10000 message ids without NULL' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN ARRAY(SELECT DISTINCT i FROM pg_catalog.unnest(ids) i ORDER BY i);
END
$$;
COMMENT ON FUNCTION sespan.mail_check_ids(bigint[]) IS 'The ids, each once and in order';

-- The sum of a message after people changed recipients of it; with the last one
-- its body is wiped, as when a worker writes the last result.
CREATE FUNCTION sespan.mail_count(id bigint, day timestamptz, live_ended int, dead_ended int, revived int) RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    keep_hours int := (SELECT s.value::int FROM sespan.mail_setting s WHERE s.name = 'mail_dead_body_hours');
    m record;
    wipe boolean;
BEGIN
    UPDATE sespan.mail_message x
    SET pending = x.pending - live_ended + revived, dead = x.dead - dead_ended,
        finished_at = CASE WHEN revived = 0 THEN x.finished_at END, wipe_at = CASE WHEN revived = 0 THEN x.wipe_at END
    WHERE x.message_id = id AND x.created_at = day
    RETURNING x.pending, x.dead, x.retain_body, x.sealed IS NOT NULL AS is_sealed, x.wiped_at INTO m;
    IF NOT FOUND OR m.pending > 0 OR m.wiped_at IS NOT NULL THEN
        RETURN;
    END IF;
    wipe := m.is_sealed OR NOT m.retain_body AND (m.dead = 0 OR keep_hours = 0);
    UPDATE sespan.mail_message x
    SET finished_at = coalesce(x.finished_at, pg_catalog.now()), wiped_at = CASE WHEN wipe THEN pg_catalog.now() END,
        wipe_at = CASE WHEN NOT wipe AND NOT x.retain_body THEN coalesce(x.wipe_at, pg_catalog.now() + pg_catalog.make_interval(hours => keep_hours)) END,
        (body_text, body_html, headers, attachments, raw, sealed) = (SELECT x.body_text, x.body_html, x.headers, x.attachments, x.raw, x.sealed WHERE NOT wipe)
    WHERE x.message_id = id AND x.created_at = day;
END
$$;
COMMENT ON FUNCTION sespan.mail_count(bigint, timestamptz, int, int, int) IS 'Takes live_ended of a message''s pending recipients and dead_ended of its dead ones off, and gives it revived pending ones';

CREATE FUNCTION sespan.mail_change_queued(action text, q sespan.mail_queue, actor text) RETURNS sespan.mail_change LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    l sespan.mail_queue;
    after text;
    reason text;
    facts jsonb := '{}';
BEGIN
    SELECT * INTO l FROM sespan.mail_queue x WHERE x.queue_id = q.queue_id FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        reason := 'busy';
    ELSIF l.state = 'sending' THEN
        reason := 'sending';
        facts := pg_catalog.jsonb_build_object('leased_until', l.leased_until);
    ELSIF action = 'cancel' THEN
        after := 'cancelled';
        DELETE FROM sespan.mail_queue x WHERE x.queue_id = l.queue_id;
        INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, code, recipient, reason, reply)
        VALUES (l.queue_id, l.message_id, l.created_at, after, l.attempts, l.last_code, l.recipient, 'cancelled', 'by ' || coalesce(actor, session_user));
    ELSIF l.parked IS NOT NULL AND EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = l.parked) THEN
        reason := 'paused';
        facts := pg_catalog.jsonb_build_object('pause', l.parked);
    ELSIF l.state = 'queued' OR l.due_at <= pg_catalog.clock_timestamp() THEN
        reason := 'waiting';
    ELSIF l.state = 'scheduled' AND l.parked IS NULL AND l.last_reason IS NULL THEN
        reason := 'scheduled';
        facts := pg_catalog.jsonb_build_object('due_at', l.due_at);
    ELSE
        after := 'retry';
        UPDATE sespan.mail_queue x SET state = after, due_at = pg_catalog.clock_timestamp(), parked = NULL WHERE x.queue_id = l.queue_id;
    END IF;
    RETURN (q.queue_id, q.message_id, q.recipient, coalesce(l.state, q.state), coalesce(after, l.state, q.state), after IS NOT NULL,
        reason, facts, sespan.mail_sentence(reason, facts))::sespan.mail_change;
END
$$;
COMMENT ON FUNCTION sespan.mail_change_queued(text, sespan.mail_queue, text) IS 'retry or cancel of one live recipient';

CREATE FUNCTION sespan.mail_change_finished(action text, o sespan.mail_outcome, actor text) RETURNS sespan.mail_change LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    l sespan.mail_outcome;
    m sespan.mail_message;
    after text;
    reason text;
    facts jsonb := '{}';
BEGIN
    SELECT * INTO l FROM sespan.mail_outcome x WHERE x.queue_id = o.queue_id AND x.created_at = o.created_at FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        reason := 'busy';
    ELSIF l.state = 'sent' OR action = 'cancel' AND l.state <> 'dead' THEN
        SELECT r.reason, r.facts INTO reason, facts FROM sespan.mail_reason_finished(l) r;
    ELSIF action = 'cancel' THEN
        after := 'cancelled';
        UPDATE sespan.mail_outcome x SET state = after, reply = concat_ws('; ', 'by ' || coalesce(actor, session_user), x.reply)
        WHERE x.queue_id = l.queue_id AND x.created_at = l.created_at;
    ELSE
        SELECT * INTO m FROM sespan.mail_message x WHERE x.message_id = l.message_id AND x.created_at = l.created_at FOR UPDATE;
        IF NOT FOUND THEN
            reason := 'content_gone';
        ELSIF m.wiped_at IS NOT NULL THEN
            reason := 'body_wiped';
            facts := pg_catalog.jsonb_build_object('wiped_at', m.wiped_at);
        ELSIF m.expires_at <= pg_catalog.clock_timestamp() THEN
            reason := 'past_expiry';
            facts := pg_catalog.jsonb_build_object('expires_at', m.expires_at);
        ELSE
            after := 'retry';
            DELETE FROM sespan.mail_outcome x WHERE x.queue_id = l.queue_id AND x.created_at = l.created_at;
            INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient,
                last_reason, last_code, last_reply)
            VALUES (l.queue_id, l.message_id, l.created_at, pg_catalog.clock_timestamp(), m.expires_at, m.size_bytes, m.priority, after, m.on_unknown,
                l.recipient, l.reason, l.code, l.reply);
        END IF;
    END IF;
    RETURN (o.queue_id, o.message_id, o.recipient, coalesce(l.state, o.state), coalesce(after, l.state, o.state), after IS NOT NULL,
        reason, facts, sespan.mail_sentence(reason, facts))::sespan.mail_change;
END
$$;
COMMENT ON FUNCTION sespan.mail_change_finished(text, sespan.mail_outcome, text) IS 'retry or cancel of one recipient with a final state: a dead one goes back into the queue, if its body is there';

-- Locks: queue rows and outcomes, none that somebody else holds, then messages in
-- the order of their ids, as a worker's results do. Its callers keep one plan for
-- each statement: planning over all days anew for each mail took three quarters of
-- the time.
CREATE FUNCTION sespan.mail_change_messages(action text, ids bigint[], actor text) RETURNS SETOF sespan.mail_change LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    id bigint;
    q sespan.mail_queue;
    o sespan.mail_outcome;
    r sespan.mail_change;
    looked int;
    n record;
    day timestamptz;
    changed_ids bigint[] := '{}';
    changed_before int;
    changed_rows int := 0;
BEGIN
    FOREACH id IN ARRAY sespan.mail_check_ids(ids) LOOP
        looked := 0;
        changed_before := changed_rows;
        SELECT 0 AS live, 0 AS dead, 0 AS revived INTO n;
        FOR q IN SELECT * FROM sespan.mail_queue x WHERE x.queue_id BETWEEN sespan.mail_first_queue_id(id) AND sespan.mail_first_queue_id(id) + 1023 ORDER BY x.queue_id LOOP
            r := sespan.mail_change_queued(action, q, actor);
            n.live := n.live + (r.changed AND action = 'cancel')::int;
            changed_rows := changed_rows + r.changed::int;
            looked := looked + 1;
            day := q.created_at;
            RETURN NEXT r;
        END LOOP;
        FOR o IN SELECT * FROM sespan.mail_outcome x WHERE x.queue_id BETWEEN sespan.mail_first_queue_id(id) AND sespan.mail_first_queue_id(id) + 1023 ORDER BY x.queue_id LOOP
            r := sespan.mail_change_finished(action, o, actor);
            CONTINUE WHEN action = 'cancel' AND o.state = 'cancelled' AND n.live > 0; -- done just now
            n.dead := n.dead + (r.changed AND r.was = 'dead')::int;
            n.revived := n.revived + (r.changed AND action = 'retry')::int;
            changed_rows := changed_rows + r.changed::int;
            looked := looked + 1;
            day := o.created_at;
            RETURN NEXT r;
        END LOOP;
        IF looked = 0 THEN
            RETURN NEXT (NULL, id, NULL, NULL, NULL, false, 'unknown_id', '{}', sespan.mail_sentence('unknown_id', '{}'))::sespan.mail_change;
        ELSIF n.live + n.dead + n.revived > 0 THEN
            PERFORM sespan.mail_count(id, day, n.live, n.dead, n.revived);
        END IF;
        changed_ids := CASE WHEN changed_rows > changed_before THEN changed_ids || id ELSE changed_ids END;
    END LOOP;
    PERFORM sespan.audit_as(actor);
    PERFORM sespan.audit_add(action, 'mail', ids => changed_ids, detail => changed_rows || ' recipients');
    IF action = 'retry' AND changed_rows > 0 THEN
        PERFORM sespan.mail_notify();
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.mail_change_messages(text, bigint[], text) IS 'retry or cancel of messages';

CREATE FUNCTION sespan.mail_retry(ids bigint[], actor text DEFAULT NULL) RETURNS SETOF sespan.mail_change
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$ SELECT * FROM sespan.mail_change_messages('retry', ids, actor) $$;
COMMENT ON FUNCTION sespan.mail_retry(bigint[], text) IS
    'Sends mails again: dead ones whose body is kept, unknown ones, and retries at once. A row for each recipient; what was left alone says why. Again on the same ids it changes nothing';

CREATE FUNCTION sespan.mail_cancel(ids bigint[], actor text DEFAULT NULL) RETURNS SETOF sespan.mail_change
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$ SELECT * FROM sespan.mail_change_messages('cancel', ids, actor) $$;
COMMENT ON FUNCTION sespan.mail_cancel(bigint[], text) IS
    'Takes mails out of the queue: queued, scheduled, retry, unknown, and dead ones that nobody wants any more; what is being sent now is passed by and said so';

CREATE VIEW sespan.mail_content AS
SELECT NULL::bigint AS message_id, NULL::timestamptz AS created_at, NULL::text AS category, NULL::text AS sender, NULL::text AS reply_to,
       NULL::text[] AS to_addresses, NULL::text[] AS cc_addresses, NULL::text AS subject, NULL::text AS body_text, NULL::text AS body_html,
       NULL::jsonb AS headers, NULL::jsonb AS attachments, NULL::bytea AS raw, NULL::text AS reason, NULL::jsonb AS facts, NULL::text AS why
WHERE false;
COMMENT ON VIEW sespan.mail_content IS 'Row type of mail_preview; the reason is that of missing bodies';

CREATE FUNCTION sespan.mail_preview(message_id bigint, actor text DEFAULT NULL) RETURNS SETOF sespan.mail_content
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
BEGIN
    PERFORM sespan.audit_as(actor);
    PERFORM sespan.audit_add('preview', 'mail', message_id::text, ids => ARRAY[message_id]);
    RETURN QUERY
    SELECT m.message_id, m.created_at, m.category, m.sender, m.reply_to, m.to_addresses, m.cc_addresses, m.subject, m.body_text, m.body_html, m.headers,
           (SELECT jsonb_agg(jsonb_build_object('filename', a ->> 'filename', 'content_type', a ->> 'content_type', 'content_id', a ->> 'content_id',
                                'size', coalesce((a ->> 'size')::bigint, octet_length(decode(a ->> 'content', 'base64')))))
            FROM jsonb_array_elements(m.attachments) a),
           m.raw, r.reason, r.facts, sespan.mail_sentence(r.reason, r.facts)
    FROM sespan.mail_message m
    CROSS JOIN LATERAL (SELECT CASE WHEN m.wiped_at IS NOT NULL THEN 'body_wiped' WHEN m.sealed IS NOT NULL THEN 'body_sealed' END AS reason,
                               jsonb_strip_nulls(jsonb_build_object('wiped_at', m.wiped_at)) AS facts) r
    WHERE m.message_id = mail_preview.message_id;
END
$$;
COMMENT ON FUNCTION sespan.mail_preview(bigint, text) IS 'What a mail says; never a sealed or wiped body. Each call is a row of the audit';

CREATE VIEW sespan.mail_found AS
SELECT NULL::bigint AS message_id, NULL::timestamptz AS created_at, NULL::text AS category, NULL::text AS subject, NULL::text[] AS to_addresses,
       NULL::smallint AS recipients, NULL::smallint AS pending, NULL::smallint AS sent, NULL::smallint AS dead, NULL::text AS state,
       NULL::smallint AS priority, NULL::timestamptz AS send_at, NULL::timestamptz AS finished_at
WHERE false;
COMMENT ON VIEW sespan.mail_found IS 'Row type of mail_find; state is that of the recipient who most needs a look';

CREATE FUNCTION sespan.mail_find_rows(ids bigint[]) RETURNS SETOF sespan.mail_found LANGUAGE sql STABLE SET enable_seqscan = off
AS $$
    SELECT m.message_id, m.created_at, m.category, m.subject, m.to_addresses, m.recipients, m.pending, m.sent, m.dead, w.state, m.priority, m.send_at, m.finished_at
    FROM sespan.mail_message m
    CROSS JOIN LATERAL (
        SELECT r.state FROM (
            SELECT q.state FROM sespan.mail_queue q WHERE q.queue_id BETWEEN m.message_id * 1024 AND m.message_id * 1024 + 1023
            UNION ALL
            SELECT o.state FROM sespan.mail_outcome o
            WHERE o.queue_id BETWEEN m.message_id * 1024 AND m.message_id * 1024 + 1023 AND o.created_at = m.created_at) r
        ORDER BY pg_catalog.array_position('{unknown,dead,retry,sending,queued,scheduled,suppressed,expired,cancelled,sent}'::text[], r.state) LIMIT 1
    ) w
    WHERE m.message_id = ANY (ids)
    ORDER BY m.message_id DESC
$$;
COMMENT ON FUNCTION sespan.mail_find_rows(bigint[]) IS 'The lines of a list of mails, newest first';

CREATE FUNCTION sespan.mail_find(state text DEFAULT NULL, category text DEFAULT NULL, recipient text DEFAULT NULL, before bigint DEFAULT NULL,
                                 portion int DEFAULT 50, after bigint DEFAULT NULL, subject text DEFAULT NULL) RETURNS SETOF sespan.mail_found
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    below bigint := least(greatest(coalesce(before, 9007199254740990), 0), 9007199254740990);
    above bigint := least(greatest(coalesce(after, -1), -1), 9007199254740989);
    bounded int := least(greatest(coalesce(portion, 50), 1), 1000);
    wanted text := state;
    label text := category;
    part text := nullif(lower(subject COLLATE "C"), '');
    pattern text := lower(regexp_replace(recipient, '([\\%_])', '\\\1', 'g') COLLATE "C") || '%';
    found_ids bigint[];
BEGIN
    IF wanted IS NULL AND pattern IS NULL THEN
        found_ids := ARRAY(SELECT m.message_id FROM sespan.mail_message m
                           WHERE m.message_id < below AND m.message_id > above AND (label IS NULL OR m.category = label)
                               AND (part IS NULL OR strpos(lower(m.subject COLLATE "C"), part) > 0)
                           ORDER BY m.message_id DESC LIMIT bounded);
    ELSE
        found_ids := ARRAY(
            SELECT DISTINCT r.message_id
            FROM ((SELECT q.message_id FROM sespan.mail_queue q
                   WHERE q.queue_id < below * 1024 AND q.queue_id >= (above + 1) * 1024 AND (wanted IS NULL OR wanted IN ('queued', 'scheduled', 'sending', 'retry', 'unknown') AND q.state = wanted) AND (pattern IS NULL OR lower(q.recipient COLLATE "C") LIKE pattern)
                       AND (label IS NULL AND part IS NULL OR EXISTS (SELECT FROM sespan.mail_message m WHERE m.message_id = q.message_id AND m.created_at = q.created_at
                           AND (label IS NULL OR m.category = label) AND (part IS NULL OR strpos(lower(m.subject COLLATE "C"), part) > 0)))
                   ORDER BY q.queue_id DESC LIMIT bounded)
                  UNION ALL
                  (SELECT o.message_id FROM sespan.mail_outcome o
                   WHERE o.queue_id < below * 1024 AND o.queue_id >= (above + 1) * 1024 AND (wanted IS NULL OR wanted NOT IN ('queued', 'scheduled', 'sending', 'retry', 'unknown') AND o.state = wanted) AND (pattern IS NULL OR lower(o.recipient COLLATE "C") LIKE pattern)
                       AND (label IS NULL AND part IS NULL OR EXISTS (SELECT FROM sespan.mail_message m WHERE m.message_id = o.message_id AND m.created_at = o.created_at
                           AND (label IS NULL OR m.category = label) AND (part IS NULL OR strpos(lower(m.subject COLLATE "C"), part) > 0)))
                   ORDER BY o.queue_id DESC LIMIT bounded)) r
            ORDER BY r.message_id DESC LIMIT bounded);
    END IF;
    RETURN QUERY SELECT * FROM sespan.mail_find_rows(found_ids);
END
$$;
COMMENT ON FUNCTION sespan.mail_find(text, text, text, bigint, int, bigint, text) IS
    'A page of mails, newest first: with a state, a category, recipients that begin with a text, a subject that holds one (ASCII letters in either case), and message ids below before and above after';

---- create above / drop below ----

DROP FUNCTION sespan.mail_find(text, text, text, bigint, int, bigint, text), sespan.mail_find_rows(bigint[]), sespan.mail_preview(bigint, text),
    sespan.mail_cancel(bigint[], text), sespan.mail_retry(bigint[], text), sespan.mail_change_messages(text, bigint[], text),
    sespan.mail_change_finished(text, sespan.mail_outcome, text), sespan.mail_change_queued(text, sespan.mail_queue, text),
    sespan.mail_count(bigint, timestamptz, int, int, int), sespan.mail_check_ids(bigint[]);
DROP VIEW sespan.mail_found, sespan.mail_content, sespan.mail_change;
