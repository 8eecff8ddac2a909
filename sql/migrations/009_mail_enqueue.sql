-- mail_enqueue, the way for any SQL client to send a mail: its checks and its batch form.

CREATE FUNCTION sespan.mail_mailbox(value text, parameter text, OUT mailbox text, OUT address text) LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    open int := pg_catalog.strpos(value, '<');
    name text;
BEGIN
    IF open = 0 THEN
        address := sespan.mail_address(pg_catalog.btrim(value, ' '), parameter);
        mailbox := address;
        RETURN;
    END IF;
    name := pg_catalog.btrim(pg_catalog.left(value, open - 1), ' ');
    IF value !~ '>\s*$' OR name ~ '[[:cntrl:]<>]' OR pg_catalog.length(name) > 255 THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not of the form Name <address>', pg_catalog.left(value, 100)));
    END IF;
    address := sespan.mail_address(pg_catalog.rtrim(pg_catalog.substr(value, open + 1), '> '), parameter);
    -- A name with specials must be quoted; one that is quoted well already stays.
    IF name ~ '[][()<>:;@\\,."]' AND name !~ '^"([^"\\]|\\.)*"$' THEN
        name := '"' || pg_catalog.regexp_replace(name, '(["\\])', '\\\1', 'g') || '"';
    END IF;
    mailbox := pg_catalog.ltrim(name || ' <' || address || '>', ' ');
END
$$;
COMMENT ON FUNCTION sespan.mail_mailbox(text, text) IS 'Takes "a@b.co" or "Name <a@b.co>" apart; SP003 for anything else';

CREATE FUNCTION sespan.mail_mailboxes(list text[], parameter text, OUT mailboxes text[], OUT addresses text[]) LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    one record;
BEGIN
    mailboxes := '{}';
    addresses := '{}';
    IF pg_catalog.array_ndims(list) > 1 OR pg_catalog.cardinality(list) > 1000 OR pg_catalog.array_position(list, NULL) IS NOT NULL THEN
        PERFORM sespan.mail_refuse(parameter, 'must be a plain list of at most 1000 addresses without NULL');
    END IF;
    FOR i IN 1..coalesce(pg_catalog.cardinality(list), 0) LOOP
        one := sespan.mail_mailbox(list[i], parameter);
        mailboxes := mailboxes || one.mailbox;
        addresses := addresses || one.address;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_mailboxes(text[], text) IS 'mail_mailbox for a list';

CREATE FUNCTION sespan.mail_check_headers(headers jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    h record;
BEGIN
    IF pg_catalog.jsonb_typeof(headers) <> 'object' OR pg_catalog.octet_length(headers::text) > 65536 THEN
        PERFORM sespan.mail_refuse('headers', 'must be an object of at most 64 KiB, name to text');
    END IF;
    FOR h IN SELECT e.key, e.value, pg_catalog.jsonb_typeof(e.value) AS kind, e.value #>> '{}' AS line FROM pg_catalog.jsonb_each(headers) e LOOP
        IF h.key !~ '^[!-9;-~]{1,76}$' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%L is not a header name', pg_catalog.left(h.key, 80)));
        ELSIF pg_catalog.lower(h.key) IN ('from', 'to', 'cc', 'bcc', 'subject', 'date', 'reply-to', 'return-path', 'received', 'dkim-signature')
              OR h.key ~* '^(content-|mime-version$)' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s is made from the other parameters', h.key));
        ELSIF h.kind <> 'string' OR h.line ~ '[\u0001-\u0008\u000A-\u001F\u007F]' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s must be text without control characters', h.key));
        ELSIF pg_catalog.lower(h.key) = 'message-id' AND h.line !~ '^<[!-;=?-~]+@[!-;=?-~]+>$' THEN
            PERFORM sespan.mail_refuse('headers', 'Message-ID must be of the form <left@right>');
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(headers) k GROUP BY pg_catalog.lower(k) HAVING count(*) > 1) THEN
        PERFORM sespan.mail_refuse('headers', 'holds one name twice');
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_headers(jsonb) IS 'SP003 unless these are extra headers that may be sent';

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

CREATE FUNCTION sespan.mail_enqueue(
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
COMMENT ON FUNCTION sespan.mail_enqueue IS
    'Puts a mail into the queue within the caller''s transaction and returns its message_id; a wrong parameter raises SP003 and is named';

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

CREATE FUNCTION sespan.mail_enqueue_batch(mails jsonb) RETURNS bigint[]
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
COMMENT ON FUNCTION sespan.mail_enqueue_batch(jsonb) IS
    'mail_enqueue for a list of objects with its parameters as members (raw in base64); returns the ids in order, or SP003 and nothing is enqueued';

---- create above / drop below ----

DROP FUNCTION sespan.mail_enqueue_batch(jsonb), sespan.mail_enqueue(text, text[], text, text, text, text, text, text[], text[], jsonb, jsonb, bytea,
    int, timestamptz, timestamptz, text, text, text, boolean), sespan.mail_list(jsonb, text), sespan.mail_claim_key(text, bigint, bytea),
    sespan.mail_check_attachments(jsonb), sespan.mail_check_headers(jsonb), sespan.mail_mailboxes(text[], text), sespan.mail_mailbox(text, text);
