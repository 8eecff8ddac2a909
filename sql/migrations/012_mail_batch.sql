-- mail_enqueue_batch, many mails in one call. It names the mail and the member that
-- is wrong.

CREATE FUNCTION sespan.mail_list(m jsonb, parameter text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF pg_catalog.jsonb_typeof(m -> parameter) NOT IN ('null', 'array') THEN
        PERFORM sespan.mail_refuse(parameter, 'must be a list of addresses');
    ELSIF pg_catalog.jsonb_typeof(m -> parameter) = 'array' THEN
        RETURN ARRAY(SELECT pg_catalog.jsonb_array_elements_text(m -> parameter));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.mail_list(jsonb, text) IS 'A list of texts in a member of a batch''s mail';

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

-- The mails of a batch that have nothing which needs a statement of its own, in
-- one statement for all: a call of mail_enqueue for each costs three times as much.
CREATE FUNCTION sespan.mail_enqueue_plain(mails jsonb[]) RETURNS bigint[] LANGUAGE sql VOLATILE
AS $$
    WITH message AS (
        INSERT INTO sespan.mail_message (message_id, category, sender, reply_to, to_addresses, subject, body_text, body_html, headers, send_at, expires_at,
            size_bytes, priority, recipients, pending, on_unknown, retain_body, traceparent)
        SELECT pg_catalog.nextval('sespan.mail_message_id_seq'), f.category,
               CASE WHEN f.sender IS NOT NULL THEN (sespan.mail_mailbox(f.sender, 'sender')).mailbox END,
               CASE WHEN f.reply_to IS NOT NULL THEN (sespan.mail_mailbox(f.reply_to, 'reply_to')).mailbox END,
               ARRAY[CASE WHEN pg_catalog.strpos(f.recipient, '<') = 0 THEN sespan.mail_address(pg_catalog.btrim(f.recipient, ' '), 'recipient')
                          ELSE (sespan.mail_mailbox(f.recipient, 'recipient')).mailbox END],
               sespan.mail_check_subject(f.subject), f.body_text, f.body_html,
               sespan.mail_check_headers_of(f.headers), f.send_at, f.expires_at,
               sespan.mail_check_rest(f.priority, f.send_at, f.expires_at, f.category, f.on_unknown, f.retain_body, pg_catalog.octet_length(f.subject)::bigint
                   + coalesce(pg_catalog.octet_length(f.body_text), 0) + coalesce(pg_catalog.octet_length(f.body_html), 0) + coalesce(pg_catalog.octet_length(f.headers::text), 0)),
               f.priority, 1, 1, f.on_unknown, f.retain_body, sespan.mail_traceparent(f.traceparent)
        FROM (SELECT m ->> 'recipient' AS recipient, coalesce(m ->> 'subject', '') AS subject, m ->> 'body_text' AS body_text, m ->> 'body_html' AS body_html,
                     m ->> 'sender' AS sender, m ->> 'reply_to' AS reply_to, nullif(m -> 'headers', 'null') AS headers,
                     coalesce((m ->> 'priority')::int, 5) AS priority, (m ->> 'send_at')::timestamptz AS send_at, (m ->> 'expires_at')::timestamptz AS expires_at,
                     m ->> 'category' AS category, coalesce(m ->> 'on_unknown', 'retry') AS on_unknown, coalesce((m ->> 'retain_body')::boolean, false) AS retain_body,
                     m ->> 'traceparent' AS traceparent
              FROM pg_catalog.unnest(mails) m OFFSET 0) f
        RETURNING message_id, created_at, send_at, expires_at, size_bytes, priority, on_unknown, to_addresses[1] AS mailbox
    ), queued AS (
        INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient)
        SELECT n.message_id * 1024, n.message_id, n.created_at, coalesce(n.send_at, n.created_at), n.expires_at, n.size_bytes, n.priority,
               CASE WHEN n.send_at > n.created_at THEN 'scheduled' ELSE 'queued' END, n.on_unknown,
               CASE WHEN pg_catalog.strpos(n.mailbox, '<') = 0 THEN n.mailbox ELSE (sespan.mail_mailbox(n.mailbox, 'recipient')).address END
        FROM message n
    )
    SELECT pg_catalog.array_agg(n.message_id ORDER BY n.message_id) FROM message n
$$;
COMMENT ON FUNCTION sespan.mail_enqueue_plain(jsonb[]) IS 'Enqueues mails to one recipient each, without attachments, raw or key; SP003 without saying which one is wrong';

CREATE FUNCTION sespan.mail_enqueue_one(m jsonb, known text[]) RETURNS bigint LANGUAGE plpgsql VOLATILE
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
    ELSIF pg_catalog.lower((m ->> 'retain_body') COLLATE "C") NOT IN ('true', 'false', 't', 'f', 'yes', 'no', 'y', 'n', 'on', 'off', '1', '0') THEN
        PERFORM sespan.mail_refuse('retain_body', 'must be true or false');
    END IF;
    RETURN sespan.mail_enqueue(
        recipient => m ->> 'recipient', recipients => sespan.mail_list(m, 'recipients'), subject => coalesce(m ->> 'subject', ''),
        body_text => m ->> 'body_text', body_html => m ->> 'body_html', sender => m ->> 'sender', reply_to => m ->> 'reply_to',
        cc => sespan.mail_list(m, 'cc'), bcc => sespan.mail_list(m, 'bcc'), headers => nullif(m -> 'headers', 'null'),
        attachments => nullif(m -> 'attachments', 'null'), raw => sespan.mail_member_bytes(m, 'raw'), priority => coalesce((m ->> 'priority')::int, 5),
        send_at => sespan.mail_member_time(m, 'send_at'), expires_at => sespan.mail_member_time(m, 'expires_at'), category => m ->> 'category',
        idempotency_key => m ->> 'idempotency_key', on_unknown => coalesce(m ->> 'on_unknown', 'retry'),
        retain_body => coalesce((m ->> 'retain_body')::boolean, false), traceparent => m ->> 'traceparent');
END
$$;
COMMENT ON FUNCTION sespan.mail_enqueue_one(jsonb, text[]) IS 'mail_enqueue with the members of an object as its parameters';

CREATE FUNCTION sespan.mail_enqueue_batch(mails jsonb) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['recipient', 'recipients', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'cc', 'bcc', 'headers',
        'attachments', 'raw', 'priority', 'send_at', 'expires_at', 'category', 'idempotency_key', 'on_unknown', 'retain_body', 'traceparent'];
    plain CONSTANT text[] := ARRAY['recipient', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'headers', 'priority', 'send_at', 'expires_at',
        'category', 'on_unknown', 'retain_body', 'traceparent'];
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
COMMENT ON FUNCTION sespan.mail_enqueue_batch(jsonb) IS
    'mail_enqueue for a list of objects with its parameters as members (raw in base64); returns the ids in order, or SP003 and nothing is enqueued';

---- create above / drop below ----

DROP FUNCTION sespan.mail_enqueue_batch(jsonb), sespan.mail_enqueue_one(jsonb, text[]), sespan.mail_enqueue_plain(jsonb[]),
    sespan.mail_member_bytes(jsonb, text), sespan.mail_member_time(jsonb, text), sespan.mail_not_text(jsonb), sespan.mail_list(jsonb, text);
