-- What a clumsy caller is told: a batch names the member that is of a wrong type, a
-- refusal names no function that was not called, and what could never hold a mail
-- is no pause. The functions of 005, 013, 014, 016 and 017 in their present form.

CREATE OR REPLACE FUNCTION sespan.mail_refuse(parameter text, reason text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '%: %', parameter, reason
        USING ERRCODE = 'SP003', HINT = pg_catalog.format('Correct the parameter %s.', parameter);
END
$$;

-- A list or an object would else be mailed as JSON. The path is cheap, and answers
-- for nearly all mails; strict, because it would look into lists otherwise.
CREATE FUNCTION sespan.mail_not_text(m jsonb) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN pg_catalog.jsonb_path_exists(m, 'strict $.* ? (@.type() != "string" && @.type() != "null")')
        THEN (SELECT min(e.key) FROM pg_catalog.jsonb_each(m) e
              WHERE e.key NOT IN ('recipients', 'cc', 'bcc', 'headers', 'attachments', 'priority', 'retain_body')
                AND pg_catalog.jsonb_typeof(e.value) NOT IN ('string', 'null')) END
$$;
COMMENT ON FUNCTION sespan.mail_not_text(jsonb) IS 'First member of a batch''s mail that must be text and is not; NULL for none';

CREATE FUNCTION sespan.mail_member_time(m jsonb, parameter text) RETURNS timestamptz LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF m ->> parameter IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        RETURN (m ->> parameter)::timestamptz;
    EXCEPTION WHEN data_exception THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not a time such as 2026-12-24T18:00:00Z', pg_catalog.left(m ->> parameter, 100)));
    END;
END
$$;
COMMENT ON FUNCTION sespan.mail_member_time(jsonb, text) IS 'A time in a member of a batch''s mail, or SP003';

CREATE FUNCTION sespan.mail_member_bytes(m jsonb, parameter text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF m ->> parameter IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        RETURN pg_catalog.decode(m ->> parameter, 'base64');
    EXCEPTION WHEN data_exception THEN
        PERFORM sespan.mail_refuse(parameter, 'is not base64');
    END;
END
$$;
COMMENT ON FUNCTION sespan.mail_member_bytes(jsonb, text) IS 'Bytes in base64 in a member of a batch''s mail, or SP003';

CREATE OR REPLACE FUNCTION sespan.mail_enqueue_one(m jsonb, known text[]) RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    wrong text;
BEGIN
    IF pg_catalog.jsonb_typeof(m) <> 'object' THEN
        RAISE EXCEPTION 'must be an object with the parameters of mail_enqueue as its members' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF m - known <> '{}' THEN
        PERFORM sespan.mail_refuse((SELECT min(k) FROM pg_catalog.jsonb_object_keys(m - known) k), 'is not a parameter');
    END IF;
    wrong := sespan.mail_not_text(m);
    IF wrong IS NOT NULL THEN
        PERFORM sespan.mail_refuse(wrong, 'must be text');
    ELSIF m ->> 'priority' !~ '^[0-9]{1,4}$' THEN
        PERFORM sespan.mail_refuse('priority', 'must be 0 (first) to 9 (last)');
    ELSIF pg_catalog.lower(m ->> 'retain_body') NOT IN ('true', 'false', 't', 'f', 'yes', 'no', 'y', 'n', 'on', 'off', '1', '0') THEN
        PERFORM sespan.mail_refuse('retain_body', 'must be true or false');
    END IF;
    RETURN sespan.mail_enqueue(
        recipient => m ->> 'recipient', recipients => sespan.mail_list(m, 'recipients'), subject => coalesce(m ->> 'subject', ''),
        body_text => m ->> 'body_text', body_html => m ->> 'body_html', sender => m ->> 'sender', reply_to => m ->> 'reply_to',
        cc => sespan.mail_list(m, 'cc'), bcc => sespan.mail_list(m, 'bcc'), headers => nullif(m -> 'headers', 'null'),
        attachments => nullif(m -> 'attachments', 'null'), raw => sespan.mail_member_bytes(m, 'raw'), priority => coalesce((m ->> 'priority')::int, 5),
        send_at => sespan.mail_member_time(m, 'send_at'), expires_at => sespan.mail_member_time(m, 'expires_at'), category => m ->> 'category',
        idempotency_key => m ->> 'idempotency_key', on_unknown => coalesce(m ->> 'on_unknown', 'retry'),
        retain_body => coalesce((m ->> 'retain_body')::boolean, false));
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_enqueue_batch(mails jsonb) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['recipient', 'recipients', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'cc', 'bcc', 'headers',
        'attachments', 'raw', 'priority', 'send_at', 'expires_at', 'category', 'idempotency_key', 'on_unknown', 'retain_body'];
    plain CONSTANT text[] := ARRAY['recipient', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'headers', 'priority', 'send_at', 'expires_at',
        'category', 'on_unknown', 'retain_body'];
    all_mails jsonb[];
    ids bigint[] := '{}';
    n int := -1;
    run int := 0; -- plain mails before n that wait to be enqueued together
    m jsonb;
BEGIN
    IF jsonb_typeof(mails) IS DISTINCT FROM 'array' OR jsonb_array_length(mails) > 10000 THEN
        PERFORM sespan.mail_refuse('mails', 'must be a list of at most 10000 objects');
    END IF;
    all_mails := ARRAY(SELECT e FROM jsonb_array_elements(mails) e);
    BEGIN
        FOREACH m IN ARRAY all_mails LOOP
            n := n + 1;
            IF jsonb_typeof(m) = 'object' AND m - plain = '{}' AND m ->> 'recipient' IS NOT NULL AND (m ->> 'body_text' IS NOT NULL OR m ->> 'body_html' IS NOT NULL)
               AND sespan.mail_not_text(m) IS NULL THEN
                run := run + 1;
                CONTINUE;
            ELSIF run > 0 THEN
                ids := ids || sespan.mail_enqueue_plain(all_mails[n - run + 1:n]);
                run := 0;
            END IF;
            ids := ids || sespan.mail_enqueue_one(m, known);
        END LOOP;
        IF run > 0 THEN
            ids := ids || sespan.mail_enqueue_plain(all_mails[n - run + 2:n + 1]);
        END IF;
        RETURN ids;
    EXCEPTION WHEN SQLSTATE 'SP003' OR data_exception THEN
        NULL; -- once more, one after the other: that names the mail
    END;
    ids := '{}';
    n := -1;
    FOREACH m IN ARRAY all_mails LOOP
        n := n + 1;
        ids := ids || sespan.mail_enqueue_one(m, known);
    END LOOP;
    RETURN ids;
EXCEPTION
    WHEN SQLSTATE 'SP003' THEN
        IF n < 0 THEN
            RAISE; -- of the list itself
        END IF;
        RAISE EXCEPTION 'mails[%].%', n, SQLERRM USING ERRCODE = 'SP003', HINT = 'Nothing of the batch is enqueued.';
    WHEN data_exception THEN
        RAISE EXCEPTION 'mails[%]: %', n, SQLERRM USING ERRCODE = 'SP003', HINT = 'Nothing of the batch is enqueued.';
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_pause(what text, actor text DEFAULT NULL) RETURNS SETOF sespan.mail_paused
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subject text := sespan.mail_check_pause(what);
BEGIN
    IF subject LIKE 'domain:%' THEN
        BEGIN
            PERFORM sespan.mail_address('a@' || substr(subject, 8), 'what');
        EXCEPTION WHEN SQLSTATE 'SP003' THEN
            RAISE EXCEPTION 'what: % is not a domain; subdomains are named one by one', quote_literal(substr(subject, 8)) USING ERRCODE = 'invalid_parameter_value';
        END;
    END IF;
    PERFORM sespan.mail_note('pause', actor, '{}', subject);
    INSERT INTO sespan.mail_pause AS p (what, actor) VALUES (subject, coalesce(actor, session_user)) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT p.what, p.since, p.actor, 0::bigint, 0::bigint FROM sespan.mail_pause p WHERE p.what = subject;
END
$$;

-- Clients' calendars end before these, and cannot read the row.
UPDATE sespan.mail_suppression SET expires_at = NULL WHERE expires_at >= '9999-01-01 00:00+00';
CREATE OR REPLACE FUNCTION sespan.mail_suppress(address text, scope text DEFAULT 'all', detail text DEFAULT NULL, expires_at timestamptz DEFAULT NULL, actor text DEFAULT NULL)
RETURNS SETOF sespan.mail_suppression
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bare CONSTANT text := lower(btrim(mail_suppress.address));
BEGIN
    IF bare IS NULL OR bare !~ '^[^@[:space:][:cntrl:]<>,]+@[^@[:space:][:cntrl:]<>,]+$' OR octet_length(bare) > 320 THEN
        PERFORM sespan.mail_refuse('address', 'is not a bare e-mail address');
    END IF;
    IF mail_suppress.scope IS NULL OR mail_suppress.scope NOT IN ('all', 'except_codes', 'bulk') THEN
        PERFORM sespan.mail_refuse('scope', 'must be all, except_codes or bulk');
    END IF;
    IF mail_suppress.expires_at <= now() THEN
        PERFORM sespan.mail_refuse('expires_at', 'lies in the past');
    ELSIF mail_suppress.expires_at >= '9999-01-01 00:00+00' THEN
        PERFORM sespan.mail_refuse('expires_at', 'never comes: leave it out');
    END IF;
    RETURN QUERY
        INSERT INTO sespan.mail_suppression AS s (address, scope, reason, expires_at, source, detail)
        VALUES (bare, mail_suppress.scope, 'manual', mail_suppress.expires_at, left(coalesce(mail_suppress.actor, session_user), 200), left(mail_suppress.detail, 500))
        ON CONFLICT ON CONSTRAINT mail_suppression_pkey DO UPDATE
        SET reason = excluded.reason, expires_at = excluded.expires_at, source = excluded.source, detail = excluded.detail, message_id = NULL, created_at = now()
        RETURNING s.*;
    PERFORM sespan.mail_note('suppress', mail_suppress.actor, '{}', bare || ' (' || mail_suppress.scope || ')');
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_status() RETURNS SETOF sespan.mail_state LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    (SELECT s.state, count(q.queue_id), count(q.parked), min(q.created_at),
            min(q.due_at) FILTER (WHERE q.state IN ('queued', 'scheduled', 'retry') AND q.due_at < 'infinity')
     FROM unnest(ARRAY['queued', 'scheduled', 'sending', 'retry', 'unknown']) WITH ORDINALITY s(state, n)
     LEFT JOIN sespan.mail_queue q ON q.state = s.state
     GROUP BY s.state, s.n
     ORDER BY s.n)
    UNION ALL
    SELECT 'dead', count(*), 0, min(o.finished_at), NULL FROM sespan.mail_outcome o WHERE o.state = 'dead'
$$;

---- create above / drop below ----

CREATE OR REPLACE FUNCTION sespan.mail_refuse(parameter text, reason text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '%: %', parameter, reason
        USING ERRCODE = 'SP003', HINT = pg_catalog.format('Correct the parameter %s of mail_enqueue.', parameter);
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_enqueue_one(m jsonb, known text[]) RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF m - known <> '{}' THEN
        PERFORM sespan.mail_refuse((SELECT min(k) FROM pg_catalog.jsonb_object_keys(m - known) k), 'is not a parameter');
    END IF;
    RETURN sespan.mail_enqueue(
        recipient => m ->> 'recipient', recipients => sespan.mail_list(m, 'recipients'), subject => coalesce(m ->> 'subject', ''),
        body_text => m ->> 'body_text', body_html => m ->> 'body_html', sender => m ->> 'sender', reply_to => m ->> 'reply_to',
        cc => sespan.mail_list(m, 'cc'), bcc => sespan.mail_list(m, 'bcc'), headers => nullif(m -> 'headers', 'null'),
        attachments => nullif(m -> 'attachments', 'null'), raw => pg_catalog.decode(m ->> 'raw', 'base64'), priority => coalesce((m ->> 'priority')::int, 5),
        send_at => (m ->> 'send_at')::timestamptz, expires_at => (m ->> 'expires_at')::timestamptz, category => m ->> 'category',
        idempotency_key => m ->> 'idempotency_key', on_unknown => coalesce(m ->> 'on_unknown', 'retry'),
        retain_body => coalesce((m ->> 'retain_body')::boolean, false));
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_enqueue_batch(mails jsonb) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['recipient', 'recipients', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'cc', 'bcc', 'headers',
        'attachments', 'raw', 'priority', 'send_at', 'expires_at', 'category', 'idempotency_key', 'on_unknown', 'retain_body'];
    plain CONSTANT text[] := ARRAY['recipient', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'headers', 'priority', 'send_at', 'expires_at',
        'category', 'on_unknown', 'retain_body'];
    all_mails jsonb[];
    ids bigint[] := '{}';
    n int := -1;
    run int := 0; -- plain mails before n that wait to be enqueued together
    m jsonb;
BEGIN
    IF jsonb_typeof(mails) IS DISTINCT FROM 'array' OR jsonb_array_length(mails) > 10000 THEN
        PERFORM sespan.mail_refuse('mails', 'must be a list of at most 10000 objects');
    END IF;
    all_mails := ARRAY(SELECT e FROM jsonb_array_elements(mails) e);
    BEGIN
        FOREACH m IN ARRAY all_mails LOOP
            n := n + 1;
            IF jsonb_typeof(m) = 'object' AND m - plain = '{}' AND m ->> 'recipient' IS NOT NULL AND (m ->> 'body_text' IS NOT NULL OR m ->> 'body_html' IS NOT NULL) THEN
                run := run + 1;
                CONTINUE;
            ELSIF run > 0 THEN
                ids := ids || sespan.mail_enqueue_plain(all_mails[n - run + 1:n]);
                run := 0;
            END IF;
            ids := ids || sespan.mail_enqueue_one(m, known);
        END LOOP;
        IF run > 0 THEN
            ids := ids || sespan.mail_enqueue_plain(all_mails[n - run + 2:n + 1]);
        END IF;
        RETURN ids;
    EXCEPTION WHEN SQLSTATE 'SP003' OR data_exception THEN
        NULL; -- once more, one after the other: that names the mail
    END;
    ids := '{}';
    n := -1;
    FOREACH m IN ARRAY all_mails LOOP
        n := n + 1;
        ids := ids || sespan.mail_enqueue_one(m, known);
    END LOOP;
    RETURN ids;
EXCEPTION
    WHEN SQLSTATE 'SP003' THEN
        IF n < 0 THEN
            RAISE; -- of the list itself
        END IF;
        RAISE EXCEPTION 'mails[%].%', n, SQLERRM USING ERRCODE = 'SP003', HINT = 'Nothing of the batch is enqueued.';
    WHEN data_exception THEN
        RAISE EXCEPTION 'mails[%]: %', n, SQLERRM USING ERRCODE = 'SP003', HINT = 'Nothing of the batch is enqueued.';
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_pause(what text, actor text DEFAULT NULL) RETURNS SETOF sespan.mail_paused
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subject text := sespan.mail_check_pause(what);
BEGIN
    PERFORM sespan.mail_note('pause', actor, '{}', subject);
    INSERT INTO sespan.mail_pause AS p (what, actor) VALUES (subject, coalesce(actor, session_user)) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT p.what, p.since, p.actor, 0::bigint, 0::bigint FROM sespan.mail_pause p WHERE p.what = subject;
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_suppress(address text, scope text DEFAULT 'all', detail text DEFAULT NULL, expires_at timestamptz DEFAULT NULL, actor text DEFAULT NULL)
RETURNS SETOF sespan.mail_suppression
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bare CONSTANT text := lower(btrim(mail_suppress.address));
BEGIN
    IF bare IS NULL OR bare !~ '^[^@[:space:][:cntrl:]<>,]+@[^@[:space:][:cntrl:]<>,]+$' OR octet_length(bare) > 320 THEN
        PERFORM sespan.mail_refuse('address', 'is not a bare e-mail address');
    END IF;
    IF mail_suppress.scope IS NULL OR mail_suppress.scope NOT IN ('all', 'except_codes', 'bulk') THEN
        PERFORM sespan.mail_refuse('scope', 'must be all, except_codes or bulk');
    END IF;
    IF mail_suppress.expires_at <= now() THEN
        PERFORM sespan.mail_refuse('expires_at', 'lies in the past');
    END IF;
    RETURN QUERY
        INSERT INTO sespan.mail_suppression AS s (address, scope, reason, expires_at, source, detail)
        VALUES (bare, mail_suppress.scope, 'manual', mail_suppress.expires_at, left(coalesce(mail_suppress.actor, session_user), 200), left(mail_suppress.detail, 500))
        ON CONFLICT ON CONSTRAINT mail_suppression_pkey DO UPDATE
        SET reason = excluded.reason, expires_at = excluded.expires_at, source = excluded.source, detail = excluded.detail, message_id = NULL, created_at = now()
        RETURNING s.*;
    PERFORM sespan.mail_note('suppress', mail_suppress.actor, '{}', bare || ' (' || mail_suppress.scope || ')');
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_status() RETURNS SETOF sespan.mail_state LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.state, count(q.queue_id), count(q.parked), min(q.created_at),
           min(q.due_at) FILTER (WHERE q.state IN ('queued', 'scheduled', 'retry') AND q.due_at < 'infinity')
    FROM unnest(ARRAY['queued', 'scheduled', 'sending', 'retry', 'unknown']) WITH ORDINALITY s(state, n)
    LEFT JOIN sespan.mail_queue q ON q.state = s.state
    GROUP BY s.state, s.n
    UNION ALL
    SELECT 'dead', count(*), 0, min(o.finished_at), NULL FROM sespan.mail_outcome o WHERE o.state = 'dead'
$$;

DROP FUNCTION sespan.mail_member_bytes(jsonb, text), sespan.mail_member_time(jsonb, text), sespan.mail_not_text(jsonb);
