-- mail_enqueue with files that are stored apart, and its batch form for many mails
-- at once. The functions of 009 in their present form.

-- A worker cannot reckon with moments without end, nor with years that no calendar
-- of a client has: they are refused.
CREATE OR REPLACE FUNCTION sespan.mail_check_rest(priority int, send_at timestamptz, expires_at timestamptz, category text, on_unknown text,
                                       retain_body boolean, size bigint) RETURNS int LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 9 THEN
        PERFORM sespan.mail_refuse('priority', 'must be 0 (first) to 9 (last)');
    ELSIF send_at > pg_catalog.now() + interval '366 days' THEN
        PERFORM sespan.mail_refuse('send_at', 'is more than a year away');
    ELSIF send_at < '1970-01-01 00:00+00' THEN
        PERFORM sespan.mail_refuse('send_at', 'lies before 1970');
    ELSIF expires_at >= '9999-01-01 00:00+00' THEN
        PERFORM sespan.mail_refuse('expires_at', 'never comes: leave it out');
    ELSIF expires_at <= greatest(pg_catalog.now(), send_at) THEN
        PERFORM sespan.mail_refuse('expires_at', 'must be later than now and than send_at');
    ELSIF category !~ '^[A-Za-z0-9._:-]{1,64}$' THEN
        PERFORM sespan.mail_refuse('category', 'must be 1 to 64 of A-Z a-z 0-9 . _ : -');
    ELSIF on_unknown IS NULL OR on_unknown NOT IN ('retry', 'hold') THEN
        PERFORM sespan.mail_refuse('on_unknown', 'must be retry or hold');
    ELSIF retain_body IS NULL THEN
        PERFORM sespan.mail_refuse('retain_body', 'must be true or false');
    ELSIF size > 26214400 THEN
        PERFORM sespan.mail_refuse('body_text', 'the parts together are larger than 25 MiB (attachments count in base64)');
    END IF;
    RETURN size;
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_enqueue(
    recipient text DEFAULT NULL, recipients text[] DEFAULT NULL, subject text DEFAULT '', body_text text DEFAULT NULL, body_html text DEFAULT NULL,
    sender text DEFAULT NULL, reply_to text DEFAULT NULL, cc text[] DEFAULT NULL, bcc text[] DEFAULT NULL, headers jsonb DEFAULT NULL,
    attachments jsonb DEFAULT NULL, raw bytea DEFAULT NULL, priority int DEFAULT 5, send_at timestamptz DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL, category text DEFAULT NULL, idempotency_key text DEFAULT NULL, on_unknown text DEFAULT 'retry',
    retain_body boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    lists record;
    to_list text[];
    cc_list text[] := '{}';
    envelope text[];
    files record;
    kept jsonb;
    by_digest boolean := false;
    file_bytes bigint := 0; -- and those of long lists of addressees
    size int;
BEGIN
    IF recipient IS NOT NULL AND recipients IS NULL AND cc IS NULL AND bcc IS NULL AND strpos(recipient, '<') = 0 THEN -- the short way
        envelope := ARRAY[sespan.mail_address(btrim(recipient, ' '), 'recipient')];
        to_list := envelope;
    ELSE
        lists := sespan.mail_mailboxes(CASE WHEN recipient IS NULL THEN recipients ELSE recipient || recipients END,
                                       CASE WHEN recipient IS NULL THEN 'recipients' ELSE 'recipient' END);
        to_list := lists.mailboxes;
        envelope := lists.addresses;
        lists := sespan.mail_mailboxes(cc, 'cc');
        cc_list := lists.mailboxes;
        -- Every recipient's row is read with them: they count when a worker bounds its memory.
        file_bytes := CASE WHEN cardinality(to_list) + cardinality(cc_list) > 1 THEN octet_length(to_list::text) + octet_length(cc_list::text) ELSE 0 END;
        SELECT array_agg(u.address ORDER BY u.n) INTO envelope
        FROM (SELECT a.address, min(a.n) AS n
              FROM unnest(envelope || lists.addresses || (sespan.mail_mailboxes(bcc, 'bcc')).addresses) WITH ORDINALITY a(address, n)
              GROUP BY a.address) u;
    END IF;
    IF envelope IS NULL THEN
        PERFORM sespan.mail_refuse('recipient', 'is missing (or give recipients, cc or bcc)');
    ELSIF cardinality(envelope) > 1000 THEN
        PERFORM sespan.mail_refuse('recipients', 'more than 1000 envelope recipients');
    END IF;
    IF raw IS NULL THEN
        IF body_text IS NULL AND body_html IS NULL THEN
            PERFORM sespan.mail_refuse('body_text', 'is missing (or give body_html or raw)');
        END IF;
    ELSIF body_text IS NOT NULL OR body_html IS NOT NULL OR headers IS NOT NULL OR attachments IS NOT NULL OR reply_to IS NOT NULL
          OR subject <> '' THEN
        PERFORM sespan.mail_refuse('raw', 'is a whole message: subject, bodies, headers, attachments and reply_to stand in it');
    ELSIF position('\x00'::bytea IN raw) > 0 OR encode(substr(raw, 1, 78), 'escape') !~ '^[!-9;-~]{1,76}:' THEN
        PERFORM sespan.mail_refuse('raw', 'does not begin with a header or holds a NUL byte');
    END IF;
    IF subject IS NULL OR subject ~ '[[:cntrl:]]' OR length(subject) > 998 THEN
        PERFORM sespan.mail_refuse('subject', 'must be one line of at most 998 characters without control characters');
    END IF;
    IF sender IS NOT NULL THEN
        sender := (sespan.mail_mailbox(sender, 'sender')).mailbox;
    END IF;
    IF reply_to IS NOT NULL THEN
        reply_to := (sespan.mail_mailbox(reply_to, 'reply_to')).mailbox;
    END IF;
    IF headers IS NOT NULL THEN
        PERFORM sespan.mail_check_headers(headers);
    END IF;
    IF attachments IS NOT NULL THEN
        files := sespan.mail_attach(attachments);
        kept := files.kept;
        by_digest := files.digests <> '{}';
        file_bytes := file_bytes + files.bytes;
    END IF;
    size := sespan.mail_check_rest(priority, send_at, expires_at, category, on_unknown, retain_body,
                octet_length(subject)::bigint + coalesce(octet_length(body_text), 0) + coalesce(octet_length(body_html), 0)
                + coalesce(octet_length(raw), 0) + coalesce(octet_length(headers::text), 0) + file_bytes);
    id := nextval('sespan.mail_message_id_seq');
    IF idempotency_key IS NOT NULL THEN
        DECLARE
            first_id bigint := sespan.mail_claim_key(idempotency_key, id, sha256(convert_to(jsonb_build_array(to_list, envelope,
                subject, body_text, body_html, sender, reply_to, cc_list, headers, attachments, raw, send_at)::text, 'UTF8')));
        BEGIN
            IF first_id <> id THEN
                RETURN first_id;
            END IF;
        END;
    END IF;
    INSERT INTO sespan.mail_message AS m (message_id, created_at, category, sender, reply_to, to_addresses, cc_addresses, subject, body_text,
        body_html, headers, attachments, raw, send_at, expires_at, size_bytes, priority, recipients, pending, on_unknown, retain_body)
    VALUES (id, now(), category, sender, reply_to, to_list, cc_list, subject, body_text,
        body_html, headers, kept, raw, send_at, expires_at, size, priority, cardinality(envelope), cardinality(envelope), on_unknown, retain_body);
    IF by_digest THEN
        INSERT INTO sespan.mail_attachment_use (sha256, message_id, created_at) SELECT DISTINCT d, id, now() FROM unnest(files.digests) d;
    END IF;
    IF cardinality(envelope) = 1 THEN -- nearly always, and a plain VALUES is cheaper
        INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient, by_digest)
        VALUES (id * 1024, id, now(), coalesce(send_at, now()), expires_at, size, priority, CASE WHEN send_at > now() THEN 'scheduled' ELSE 'queued' END,
                on_unknown, envelope[1], by_digest);
        RETURN id;
    END IF;
    INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient, by_digest)
    SELECT id * 1024 + u.n - 1, id, now(), coalesce(send_at, now()), expires_at, size, priority, CASE WHEN send_at > now() THEN 'scheduled' ELSE 'queued' END,
           on_unknown, u.address, by_digest
    FROM unnest(envelope) WITH ORDINALITY u(address, n);
    RETURN id;
END
$$;

DROP FUNCTION sespan.mail_check_attachments(jsonb);

CREATE FUNCTION sespan.mail_check_subject(subject text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF subject IS NULL OR subject ~ '[[:cntrl:]]' OR pg_catalog.length(subject) > 998 THEN
        PERFORM sespan.mail_refuse('subject', 'must be one line of at most 998 characters without control characters');
    END IF;
    RETURN subject;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_subject(text) IS 'The subject, or SP003';

CREATE FUNCTION sespan.mail_check_headers_of(headers jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    PERFORM sespan.mail_check_headers(headers);
    RETURN headers;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_headers_of(jsonb) IS 'The extra headers, or SP003';

-- The mails of a batch that have nothing which needs a statement of its own, in
-- one statement for all: a call of mail_enqueue for each costs three times as much.
CREATE FUNCTION sespan.mail_enqueue_plain(mails jsonb[]) RETURNS bigint[] LANGUAGE sql VOLATILE
AS $$
    WITH message AS (
        INSERT INTO sespan.mail_message (message_id, category, sender, reply_to, to_addresses, subject, body_text, body_html, headers, send_at, expires_at,
            size_bytes, priority, recipients, pending, on_unknown, retain_body)
        SELECT pg_catalog.nextval('sespan.mail_message_id_seq'), f.category,
               CASE WHEN f.sender IS NOT NULL THEN (sespan.mail_mailbox(f.sender, 'sender')).mailbox END,
               CASE WHEN f.reply_to IS NOT NULL THEN (sespan.mail_mailbox(f.reply_to, 'reply_to')).mailbox END,
               ARRAY[CASE WHEN pg_catalog.strpos(f.recipient, '<') = 0 THEN sespan.mail_address(pg_catalog.btrim(f.recipient, ' '), 'recipient')
                          ELSE (sespan.mail_mailbox(f.recipient, 'recipient')).mailbox END],
               sespan.mail_check_subject(f.subject), f.body_text, f.body_html,
               sespan.mail_check_headers_of(f.headers), f.send_at, f.expires_at,
               sespan.mail_check_rest(f.priority, f.send_at, f.expires_at, f.category, f.on_unknown, f.retain_body, pg_catalog.octet_length(f.subject)::bigint
                   + coalesce(pg_catalog.octet_length(f.body_text), 0) + coalesce(pg_catalog.octet_length(f.body_html), 0) + coalesce(pg_catalog.octet_length(f.headers::text), 0)),
               f.priority, 1, 1, f.on_unknown, f.retain_body
        FROM (SELECT m ->> 'recipient' AS recipient, coalesce(m ->> 'subject', '') AS subject, m ->> 'body_text' AS body_text, m ->> 'body_html' AS body_html,
                     m ->> 'sender' AS sender, m ->> 'reply_to' AS reply_to, nullif(m -> 'headers', 'null') AS headers,
                     coalesce((m ->> 'priority')::int, 5) AS priority, (m ->> 'send_at')::timestamptz AS send_at, (m ->> 'expires_at')::timestamptz AS expires_at,
                     m ->> 'category' AS category, coalesce(m ->> 'on_unknown', 'retry') AS on_unknown, coalesce((m ->> 'retain_body')::boolean, false) AS retain_body
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
COMMENT ON FUNCTION sespan.mail_enqueue_one(jsonb, text[]) IS 'mail_enqueue with the members of an object as its parameters';

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

---- create above / drop below ----

CREATE OR REPLACE FUNCTION sespan.mail_check_rest(priority int, send_at timestamptz, expires_at timestamptz, category text, on_unknown text,
                                       retain_body boolean, size bigint) RETURNS int LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 9 THEN
        PERFORM sespan.mail_refuse('priority', 'must be 0 (first) to 9 (last)');
    ELSIF send_at > pg_catalog.now() + interval '366 days' THEN
        PERFORM sespan.mail_refuse('send_at', 'is more than a year away');
    ELSIF expires_at <= greatest(pg_catalog.now(), send_at) THEN
        PERFORM sespan.mail_refuse('expires_at', 'must be later than now and than send_at');
    ELSIF category !~ '^[A-Za-z0-9._:-]{1,64}$' THEN
        PERFORM sespan.mail_refuse('category', 'must be 1 to 64 of A-Z a-z 0-9 . _ : -');
    ELSIF on_unknown IS NULL OR on_unknown NOT IN ('retry', 'hold') THEN
        PERFORM sespan.mail_refuse('on_unknown', 'must be retry or hold');
    ELSIF retain_body IS NULL THEN
        PERFORM sespan.mail_refuse('retain_body', 'must be true or false');
    ELSIF size > 26214400 THEN
        PERFORM sespan.mail_refuse('body_text', 'the parts together are larger than 25 MiB (attachments count in base64)');
    END IF;
    RETURN size;
END
$$;

CREATE FUNCTION sespan.mail_check_attachments(attachments jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    a jsonb;
    n int := 0;
    bytes int;
BEGIN
    IF pg_catalog.jsonb_typeof(attachments) <> 'array' OR pg_catalog.jsonb_array_length(attachments) > 100 THEN
        PERFORM sespan.mail_refuse('attachments', 'must be a list of at most 100 objects');
    END IF;
    FOR a IN SELECT e FROM pg_catalog.jsonb_array_elements(attachments) e LOOP
        n := n + 1;
        IF pg_catalog.jsonb_typeof(a) <> 'object' OR pg_catalog.jsonb_typeof(a -> 'content') IS DISTINCT FROM 'string'
           OR EXISTS (SELECT FROM pg_catalog.jsonb_each(a) e WHERE e.key NOT IN ('filename', 'content_type', 'content', 'content_id')
                      OR pg_catalog.jsonb_typeof(e.value) NOT IN ('string', 'null')) THEN
            PERFORM sespan.mail_refuse('attachments', pg_catalog.format('number %s must have the text members content (base64), filename, content_type and, for an inline image, content_id, and no others', n));
        ELSIF a ->> 'filename' ~ '[[:cntrl:]]' OR pg_catalog.length(a ->> 'filename') NOT BETWEEN 1 AND 255 THEN
            PERFORM sespan.mail_refuse('attachments', pg_catalog.format('number %s has a filename that is empty, too long or has control characters', n));
        ELSIF a ->> 'content_type' !~ '^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(;\s*[A-Za-z0-9!#$&^_.+-]+=([A-Za-z0-9!#$&^_.+-]+|"[ !#-\u005B\u005D-~]*"))*$' THEN
            PERFORM sespan.mail_refuse('attachments', pg_catalog.format('number %s has a content_type that is not type/subtype', n));
        ELSIF a ->> 'content_id' !~ '^<?[!-;=?-~]{1,200}>?$' THEN
            PERFORM sespan.mail_refuse('attachments', pg_catalog.format('number %s has a content_id that is not one', n));
        END IF;
        BEGIN
            bytes := pg_catalog.octet_length(pg_catalog.decode(a ->> 'content', 'base64'));
        EXCEPTION WHEN invalid_parameter_value THEN
            PERFORM sespan.mail_refuse('attachments', pg_catalog.format('number %s: content is not base64', n));
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_attachments(jsonb) IS 'SP003 unless these are attachments that may be sent';

CREATE OR REPLACE FUNCTION sespan.mail_enqueue(
    recipient text DEFAULT NULL, recipients text[] DEFAULT NULL, subject text DEFAULT '', body_text text DEFAULT NULL, body_html text DEFAULT NULL,
    sender text DEFAULT NULL, reply_to text DEFAULT NULL, cc text[] DEFAULT NULL, bcc text[] DEFAULT NULL, headers jsonb DEFAULT NULL,
    attachments jsonb DEFAULT NULL, raw bytea DEFAULT NULL, priority int DEFAULT 5, send_at timestamptz DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL, category text DEFAULT NULL, idempotency_key text DEFAULT NULL, on_unknown text DEFAULT 'retry',
    retain_body boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    lists record;
    to_list text[];
    cc_list text[] := '{}';
    envelope text[];
    size int;
BEGIN
    IF recipient IS NOT NULL AND recipients IS NULL AND cc IS NULL AND bcc IS NULL AND strpos(recipient, '<') = 0 THEN -- the short way
        envelope := ARRAY[sespan.mail_address(btrim(recipient, ' '), 'recipient')];
        to_list := envelope;
    ELSE
        lists := sespan.mail_mailboxes(CASE WHEN recipient IS NULL THEN recipients ELSE recipient || recipients END,
                                       CASE WHEN recipient IS NULL THEN 'recipients' ELSE 'recipient' END);
        to_list := lists.mailboxes;
        envelope := lists.addresses;
        lists := sespan.mail_mailboxes(cc, 'cc');
        cc_list := lists.mailboxes;
        SELECT array_agg(u.address ORDER BY u.n) INTO envelope
        FROM (SELECT a.address, min(a.n) AS n
              FROM unnest(envelope || lists.addresses || (sespan.mail_mailboxes(bcc, 'bcc')).addresses) WITH ORDINALITY a(address, n)
              GROUP BY a.address) u;
    END IF;
    IF envelope IS NULL THEN
        PERFORM sespan.mail_refuse('recipient', 'is missing (or give recipients, cc or bcc)');
    ELSIF cardinality(envelope) > 1000 THEN
        PERFORM sespan.mail_refuse('recipients', 'more than 1000 envelope recipients');
    END IF;
    IF raw IS NULL THEN
        IF body_text IS NULL AND body_html IS NULL THEN
            PERFORM sespan.mail_refuse('body_text', 'is missing (or give body_html or raw)');
        END IF;
    ELSIF body_text IS NOT NULL OR body_html IS NOT NULL OR headers IS NOT NULL OR attachments IS NOT NULL OR reply_to IS NOT NULL
          OR subject <> '' THEN
        PERFORM sespan.mail_refuse('raw', 'is a whole message: subject, bodies, headers, attachments and reply_to stand in it');
    ELSIF position('\x00'::bytea IN raw) > 0 OR encode(substr(raw, 1, 78), 'escape') !~ '^[!-9;-~]{1,76}:' THEN
        PERFORM sespan.mail_refuse('raw', 'does not begin with a header or holds a NUL byte');
    END IF;
    IF subject IS NULL OR subject ~ '[[:cntrl:]]' OR length(subject) > 998 THEN
        PERFORM sespan.mail_refuse('subject', 'must be one line of at most 998 characters without control characters');
    END IF;
    IF sender IS NOT NULL THEN
        sender := (sespan.mail_mailbox(sender, 'sender')).mailbox;
    END IF;
    IF reply_to IS NOT NULL THEN
        reply_to := (sespan.mail_mailbox(reply_to, 'reply_to')).mailbox;
    END IF;
    IF headers IS NOT NULL THEN
        PERFORM sespan.mail_check_headers(headers);
    END IF;
    IF attachments IS NOT NULL THEN
        PERFORM sespan.mail_check_attachments(attachments);
    END IF;
    size := sespan.mail_check_rest(priority, send_at, expires_at, category, on_unknown, retain_body,
                octet_length(subject)::bigint + coalesce(octet_length(body_text), 0) + coalesce(octet_length(body_html), 0)
                + coalesce(octet_length(raw), 0) + coalesce(octet_length(headers::text), 0) + coalesce(octet_length(attachments::text), 0));
    id := nextval('sespan.mail_message_id_seq');
    IF idempotency_key IS NOT NULL THEN
        DECLARE
            first_id bigint := sespan.mail_claim_key(idempotency_key, id, sha256(convert_to(jsonb_build_array(to_list, envelope,
                subject, body_text, body_html, sender, reply_to, cc_list, headers, attachments, raw, send_at)::text, 'UTF8')));
        BEGIN
            IF first_id <> id THEN
                RETURN first_id;
            END IF;
        END;
    END IF;
    INSERT INTO sespan.mail_message AS m (message_id, created_at, category, sender, reply_to, to_addresses, cc_addresses, subject, body_text,
        body_html, headers, attachments, raw, send_at, expires_at, size_bytes, priority, recipients, pending, on_unknown, retain_body)
    VALUES (id, now(), category, sender, reply_to, to_list, cc_list, subject, body_text,
        body_html, headers, attachments, raw, send_at, expires_at, size, priority, cardinality(envelope), cardinality(envelope), on_unknown, retain_body);
    PERFORM sespan.mail_put(id, envelope, size, priority, send_at, expires_at, on_unknown);
    RETURN id;
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_enqueue_batch(mails jsonb) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m jsonb;
    ids bigint[] := '{}';
    n int := -1;
    unknown text;
BEGIN
    IF jsonb_typeof(mails) IS DISTINCT FROM 'array' OR jsonb_array_length(mails) > 10000 THEN
        PERFORM sespan.mail_refuse('mails', 'must be a list of at most 10000 objects');
    END IF;
    FOR m IN SELECT e FROM jsonb_array_elements(mails) e LOOP
        n := n + 1;
        SELECT k INTO unknown FROM jsonb_object_keys(m) k
        WHERE k NOT IN ('recipient', 'recipients', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'cc', 'bcc', 'headers', 'attachments',
                        'raw', 'priority', 'send_at', 'expires_at', 'category', 'idempotency_key', 'on_unknown', 'retain_body') LIMIT 1;
        IF unknown IS NOT NULL THEN
            PERFORM sespan.mail_refuse(unknown, 'is not a parameter');
        END IF;
        ids := ids || sespan.mail_enqueue(
            recipient => m ->> 'recipient', recipients => sespan.mail_list(m, 'recipients'), subject => coalesce(m ->> 'subject', ''),
            body_text => m ->> 'body_text', body_html => m ->> 'body_html', sender => m ->> 'sender', reply_to => m ->> 'reply_to',
            cc => sespan.mail_list(m, 'cc'), bcc => sespan.mail_list(m, 'bcc'), headers => nullif(m -> 'headers', 'null'),
            attachments => nullif(m -> 'attachments', 'null'), raw => decode(m ->> 'raw', 'base64'), priority => coalesce((m ->> 'priority')::int, 5),
            send_at => (m ->> 'send_at')::timestamptz, expires_at => (m ->> 'expires_at')::timestamptz, category => m ->> 'category',
            idempotency_key => m ->> 'idempotency_key', on_unknown => coalesce(m ->> 'on_unknown', 'retry'),
            retain_body => coalesce((m ->> 'retain_body')::boolean, false));
    END LOOP;
    RETURN ids;
EXCEPTION
    WHEN SQLSTATE 'SP003' THEN
        RAISE EXCEPTION 'mails[%].%', n, SQLERRM USING ERRCODE = 'SP003', HINT = 'Nothing of the batch is enqueued.';
    WHEN data_exception THEN
        RAISE EXCEPTION 'mails[%]: %', n, SQLERRM USING ERRCODE = 'SP003', HINT = 'Nothing of the batch is enqueued.';
END
$$;

DROP FUNCTION sespan.mail_enqueue_plain(jsonb[]), sespan.mail_enqueue_one(jsonb, text[]), sespan.mail_check_subject(text), sespan.mail_check_headers_of(jsonb);
