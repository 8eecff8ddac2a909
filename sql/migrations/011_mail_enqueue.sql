-- mail_enqueue, the way for any SQL client to send a mail.

CREATE TABLE sespan.mail_idempotency (
    idempotency_key text PRIMARY KEY,
    message_id      bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    fingerprint     bytea NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX mail_idempotency_expires_at_idx ON sespan.mail_idempotency (expires_at);
COMMENT ON TABLE sespan.mail_idempotency IS 'Keys under which a mail was enqueued; unpartitioned, so that a key is unique for its whole life';
COMMENT ON COLUMN sespan.mail_idempotency.idempotency_key IS 'The caller''s key, 1 to 200 characters';
COMMENT ON COLUMN sespan.mail_idempotency.message_id IS 'The message it stands for';
COMMENT ON COLUMN sespan.mail_idempotency.created_at IS 'created_at of the message';
COMMENT ON COLUMN sespan.mail_idempotency.fingerprint IS 'SHA-256 of recipients and content: the same key with another mail is refused';
COMMENT ON COLUMN sespan.mail_idempotency.expires_at IS 'When the key may be used anew';

CREATE FUNCTION sespan.mail_claim_key(key text, id bigint, fingerprint bytea) RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    old sespan.mail_idempotency;
BEGIN
    IF key !~ '^[^[:cntrl:]]{1,200}$' THEN
        PERFORM sespan.mail_refuse('idempotency_key', 'must be 1 to 200 characters without control characters');
    END IF;
    -- The loop ends: whoever finds the key gone after a conflict (it expired just now) inserts it.
    LOOP
        -- Waits for a transaction that holds the same key, and then follows its outcome.
        INSERT INTO sespan.mail_idempotency VALUES (key, id, pg_catalog.now(), fingerprint, pg_catalog.now()
            + pg_catalog.make_interval(hours => (SELECT s.value::int FROM sespan.mail_setting s WHERE s.name = 'mail_idempotency_hours')))
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN id;
        END IF;
        SELECT * INTO old FROM sespan.mail_idempotency k WHERE k.idempotency_key = key;
        IF old.fingerprint = fingerprint THEN
            RETURN old.message_id;
        ELSIF old.fingerprint IS NOT NULL THEN
            PERFORM sespan.mail_refuse('idempotency_key', 'was used for another mail');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_claim_key(text, bigint, bytea) IS 'The given id when the key is new, else the id of the message it stands for';

-- Programs that build a message anew give it another Date, another Message-ID and other boundaries.
CREATE FUNCTION sespan.mail_raw_fingerprint(raw bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    message text COLLATE "C" := pg_catalog.replace(pg_catalog.convert_from(raw, 'LATIN1'), E'\r\n', E'\n');
    head text COLLATE "C" := E'\n' || pg_catalog.split_part(message, E'\n\n', 1);
    boundary text;
BEGIN
    message := pg_catalog.regexp_replace(head, '\n(Date|Message-ID)[ \t]*:[^\n]*(\n[ \t][^\n]*)*', '', 'gi') || pg_catalog.substr(message, pg_catalog.length(head));
    FOR boundary IN SELECT DISTINCT coalesce(m[1], m[2]) AS b
                    FROM pg_catalog.regexp_matches(message, 'boundary[ \t]*=[ \t]*(?:"([^"\n]{8,70})"|([^][()<>@,;:\\"/?=\s]{8,70}))', 'gi') m ORDER BY b DESC LIMIT 100 LOOP
        message := pg_catalog.replace(message, boundary, '');
    END LOOP;
    RETURN pg_catalog.sha256(pg_catalog.convert_to(message, 'UTF8'));
END
$$;
COMMENT ON FUNCTION sespan.mail_raw_fingerprint(bytea) IS 'A digest of a whole message without what is made anew each time that it is built: Date, Message-ID, boundaries';

-- Whatever the session's settings (time zone, output of bytea), the spelling of base64 and
-- whether a file came by its content or by its digest. A content id is made anew by many, and
-- names a file in the HTML: its place stands for it.
CREATE FUNCTION sespan.mail_fingerprint(parts jsonb, body_html text, headers jsonb, files jsonb, raw bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    file record;
    sums jsonb := '[]';
BEGIN
    FOR file IN SELECT e.f, e.n, nullif(pg_catalog.btrim(e.f ->> 'content_id', '<>'), '') AS content_id,
                       coalesce(e.f ->> 'sha256', pg_catalog.encode(pg_catalog.sha256(pg_catalog.decode(e.f ->> 'content', 'base64')), 'hex')) AS digest
                FROM pg_catalog.jsonb_array_elements(files) WITH ORDINALITY e(f, n) LOOP
        body_html := coalesce(pg_catalog.replace(body_html, 'cid:' || file.content_id, 'cid:' || file.n), body_html);
        sums := sums || pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_array(file.digest, file.f -> 'filename', file.f -> 'content_type', file.content_id IS NOT NULL));
    END LOOP;
    RETURN pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(parts, body_html, sums, pg_catalog.encode(sespan.mail_raw_fingerprint(raw), 'hex'),
        (SELECT pg_catalog.jsonb_object_agg(pg_catalog.lower(h.key COLLATE "C"), h.value) FROM pg_catalog.jsonb_each(headers) h
         WHERE pg_catalog.lower(h.key COLLATE "C") NOT IN ('date', 'message-id')))::text, 'UTF8'));
END
$$;
COMMENT ON FUNCTION sespan.mail_fingerprint(jsonb, text, jsonb, jsonb, bytea) IS 'A digest of what is the mail''s, for an idempotency key: the same mail built again has the same';

CREATE FUNCTION sespan.mail_enqueue(
    recipient text DEFAULT NULL, recipients text[] DEFAULT NULL, subject text DEFAULT '', body_text text DEFAULT NULL, body_html text DEFAULT NULL,
    sender text DEFAULT NULL, reply_to text DEFAULT NULL, cc text[] DEFAULT NULL, bcc text[] DEFAULT NULL, headers jsonb DEFAULT NULL,
    attachments jsonb DEFAULT NULL, raw bytea DEFAULT NULL, priority int DEFAULT 5, send_at timestamptz DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL, category text DEFAULT NULL, idempotency_key text DEFAULT NULL, on_unknown text DEFAULT 'retry',
    retain_body boolean DEFAULT false, traceparent text DEFAULT NULL) RETURNS bigint
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
    digests bytea[] := '{}';
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
    ELSE
        PERFORM sespan.mail_check_raw(raw);
    END IF;
    IF subject IS NULL OR subject ~ '[[:cntrl:]]' OR length(subject) > 10000 THEN
        PERFORM sespan.mail_refuse('subject', 'must be one line of at most 10000 characters without control characters');
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
        digests := files.digests;
        file_bytes := file_bytes + files.bytes;
    END IF;
    size := sespan.mail_check_rest(priority, send_at, expires_at, category, on_unknown, retain_body,
                octet_length(subject)::bigint + coalesce(octet_length(body_text), 0) + coalesce(octet_length(body_html), 0)
                + coalesce(octet_length(raw), 0) + coalesce(octet_length(headers::text), 0) + file_bytes);
    id := nextval('sespan.mail_message_id_seq');
    IF idempotency_key IS NOT NULL THEN
        DECLARE
            first_id bigint := sespan.mail_claim_key(idempotency_key, id, sespan.mail_fingerprint(
                jsonb_build_array(to_list, envelope, subject, body_text, sender, reply_to, cc_list, extract(epoch FROM send_at)), body_html, headers, kept, raw));
        BEGIN
            IF first_id <> id THEN
                RETURN first_id;
            END IF;
        END;
    END IF;
    INSERT INTO sespan.mail_message AS m (message_id, created_at, category, sender, reply_to, to_addresses, cc_addresses, subject, body_text,
        body_html, headers, attachments, raw, send_at, expires_at, size_bytes, priority, recipients, pending, on_unknown, retain_body, traceparent)
    VALUES (id, now(), category, sender, reply_to, to_list, cc_list, subject, body_text,
        body_html, headers, kept, raw, send_at, expires_at, size, priority, cardinality(envelope), cardinality(envelope), on_unknown, retain_body,
        sespan.mail_traceparent(traceparent));
    IF digests <> '{}' THEN
        INSERT INTO sespan.mail_attachment_use (sha256, message_id, created_at) SELECT DISTINCT d, id, now() FROM unnest(digests) d;
    END IF;
    IF cardinality(envelope) = 1 THEN -- nearly always, and a plain VALUES is cheaper
        INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient)
        VALUES (id * 1024, id, now(), coalesce(send_at, now()), expires_at, size, priority, CASE WHEN send_at > now() THEN 'scheduled' ELSE 'queued' END,
                on_unknown, envelope[1]);
        RETURN id;
    END IF;
    INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient)
    SELECT id * 1024 + u.n - 1, id, now(), coalesce(send_at, now()), expires_at, size, priority, CASE WHEN send_at > now() THEN 'scheduled' ELSE 'queued' END,
           on_unknown, u.address
    FROM unnest(envelope) WITH ORDINALITY u(address, n);
    RETURN id;
END
$$;
COMMENT ON FUNCTION sespan.mail_enqueue IS
    'Puts a mail into the queue within the caller''s transaction and returns its message_id; a wrong parameter raises SP003 and is named';

-- A sequence: it counts although the transaction around is rolled back, and nobody waits for it.
CREATE SEQUENCE sespan.mail_lost_seq;
COMMENT ON SEQUENCE sespan.mail_lost_seq IS 'Mails of the last resort (of mail_admins, mail_managers, AdminEmailHandler) that a site could not queue';

CREATE FUNCTION sespan.mail_count_lost(mails int DEFAULT 1) RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nextval('sespan.mail_lost_seq') FROM generate_series(1, least(mails, 1000));
$$;
COMMENT ON FUNCTION sespan.mail_count_lost(int) IS 'Counts mails of the last resort that could not be queued, for the metric sespan_mail_lost_total';

CREATE FUNCTION sespan.mail_lost() RETURNS bigint LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM sespan.mail_lost_seq s
$$;
COMMENT ON FUNCTION sespan.mail_lost() IS 'Mails of the last resort that could not be queued, since the schema was made';

CREATE FUNCTION sespan.mail_enqueue_sealed(recipient text, subject text, sealed bytea, category text, priority int, expires_at timestamptz,
                                          traceparent text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint := nextval('sespan.mail_message_id_seq');
    address text := sespan.mail_address(recipient, 'recipient');
    size int := sespan.mail_check_rest(priority, NULL, expires_at, category, 'retry', false, octet_length(sealed) + octet_length(subject));
BEGIN
    IF sealed IS NULL OR subject IS NULL OR subject ~ '[[:cntrl:]]' OR length(subject) > 10000 THEN
        PERFORM sespan.mail_refuse('subject', 'and sealed must be given; a subject is one line of at most 10000 characters');
    END IF;
    INSERT INTO sespan.mail_message (message_id, created_at, category, to_addresses, subject, sealed, expires_at, size_bytes, priority, recipients, pending, traceparent)
    VALUES (id, now(), category, ARRAY[address], subject, sealed, expires_at, size, priority, 1, 1, sespan.mail_traceparent(traceparent));
    INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, recipient)
    VALUES (id * 1024, id, now(), now(), expires_at, size, priority, address);
    RETURN id;
END
$$;
COMMENT ON FUNCTION sespan.mail_enqueue_sealed(text, text, bytea, text, int, timestamptz, text) IS
    'Like mail_enqueue for a body that only the service can open; always tried again after a lost answer';

---- create above / drop below ----

DROP FUNCTION sespan.mail_lost(), sespan.mail_count_lost(int), sespan.mail_enqueue_sealed(text, text, bytea, text, int, timestamptz, text), sespan.mail_enqueue(text, text[], text, text, text, text, text,
    text[], text[], jsonb, jsonb, bytea, int, timestamptz, timestamptz, text, text, text, boolean, text), sespan.mail_fingerprint(jsonb, text, jsonb, jsonb, bytea), sespan.mail_raw_fingerprint(bytea),
    sespan.mail_claim_key(text, bigint, bytea);
DROP SEQUENCE sespan.mail_lost_seq;
DROP TABLE sespan.mail_idempotency;
