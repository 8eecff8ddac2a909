-- Addresses that are not written to, and the delivery events that put them there.

-- Addresses that are not written to, and the delivery events that put them there.
CREATE TABLE sespan.mail_suppression (
    address    text        NOT NULL CHECK (address = lower(address COLLATE "C") AND octet_length(address) BETWEEN 3 AND 320),
    scope      text        NOT NULL CHECK (scope IN ('all', 'except_codes', 'bulk')),
    reason     text        NOT NULL CHECK (reason IN ('bounce', 'complaint', 'unsubscribe', 'manual')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz CHECK (expires_at > created_at),
    message_id bigint,
    source     text        NOT NULL,
    detail     text,
    PRIMARY KEY (address, scope)
);
CREATE INDEX mail_suppression_expires_at_idx ON sespan.mail_suppression (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE sespan.mail_suppression IS 'Addresses that are not written to: a mail to one ends as suppressed when a worker takes it';
COMMENT ON COLUMN sespan.mail_suppression.address IS 'Address key: see sespan.address_key; beyond ASCII made by Go or Python. After an erasure sespan.address_erased of it, which goes on to count';
COMMENT ON COLUMN sespan.mail_suppression.scope IS 'all mails; except_codes: all but codes, which a person asks for each time; bulk: mails with a List-Unsubscribe header';
COMMENT ON COLUMN sespan.mail_suppression.reason IS 'bounce (permanent), complaint, unsubscribe, manual';
COMMENT ON COLUMN sespan.mail_suppression.created_at IS 'Since when; a further event of the same kind moves only expires_at';
COMMENT ON COLUMN sespan.mail_suppression.expires_at IS 'Until when; NULL for ever';
COMMENT ON COLUMN sespan.mail_suppression.message_id IS 'The mail whose event suppressed the address; NULL for manual';
COMMENT ON COLUMN sespan.mail_suppression.source IS 'Key or topic that signed the event, or who did it by hand';
COMMENT ON COLUMN sespan.mail_suppression.detail IS 'What the mail server or the person said, shortened';
-- What people decide: events of mail servers have their own table, and a suppression
-- that is over is only tidied away.
CREATE TRIGGER mail_suppression_audit AFTER INSERT OR UPDATE ON sespan.mail_suppression FOR EACH ROW
    WHEN (NEW.reason = 'manual' AND NOT pg_catalog.starts_with(NEW.address, 'erased:')) -- an erasure must not write the address here
    EXECUTE FUNCTION sespan.audit_row('{"subject": "address", "id": "address", "INSERT": "suppress", "UPDATE": "suppress"}');
COMMENT ON TRIGGER mail_suppression_audit ON sespan.mail_suppression IS 'Audit of addresses that a person put on the list';
CREATE TRIGGER mail_suppression_audit_delete AFTER DELETE ON sespan.mail_suppression FOR EACH ROW WHEN (OLD.expires_at IS NULL OR OLD.expires_at > now())
    EXECUTE FUNCTION sespan.audit_row('{"subject": "address", "id": "address", "DELETE": "unsuppress"}');
COMMENT ON TRIGGER mail_suppression_audit_delete ON sespan.mail_suppression IS 'Audit of addresses that were taken off the list';

CREATE TABLE sespan.mail_event (
    source      text        NOT NULL,
    event_id    text        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    occurred_at timestamptz NOT NULL,
    message_id  bigint,
    kind        text        NOT NULL CHECK (kind IN ('delivered', 'bounce', 'complaint', 'unsubscribe')),
    permanent   boolean     NOT NULL,
    result      text        NOT NULL CHECK (result IN ('suppressed', 'recorded', 'unmatched')),
    recipient   text        NOT NULL,
    detail      text,
    PRIMARY KEY (source, event_id)
);
CREATE INDEX mail_event_received_at_idx ON sespan.mail_event USING brin (received_at) WITH (autosummarize = on);
CREATE INDEX mail_event_message_id_idx ON sespan.mail_event (message_id) WHERE message_id IS NOT NULL;
COMMENT ON TABLE sespan.mail_event IS 'Delivery events that came in, once each: what is here already is a replay. Kept for 60 days';
COMMENT ON COLUMN sespan.mail_event.source IS 'Who signed it: the id of the key, or the topic of Amazon SNS';
COMMENT ON COLUMN sespan.mail_event.event_id IS 'Its id at the source';
COMMENT ON COLUMN sespan.mail_event.received_at IS 'When it came';
COMMENT ON COLUMN sespan.mail_event.occurred_at IS 'When it happened, by the source''s clock';
COMMENT ON COLUMN sespan.mail_event.message_id IS 'The mail of ours that it speaks of; NULL when none was found';
COMMENT ON COLUMN sespan.mail_event.kind IS 'delivered bounce complaint unsubscribe';
COMMENT ON COLUMN sespan.mail_event.permanent IS 'Of a bounce: no further try can succeed';
COMMENT ON COLUMN sespan.mail_event.result IS 'suppressed: the address is not written to any more; recorded: noted alone; unmatched: not a mail of ours';
COMMENT ON COLUMN sespan.mail_event.recipient IS 'Bare address, as the event names it';
COMMENT ON COLUMN sespan.mail_event.detail IS 'Words of the mail server, shortened';

-- An event names its mail by our number and day, or by the id that the relay gave
-- when it took the mail: that stands in the server's answer, which has no index,
-- so the time of the event bounds the rows that are read.
CREATE FUNCTION sespan.mail_event_find(address_key text, mailbox text, message_id bigint, created_at timestamptz, relay_id text, sent_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    message bigint;
    first_id CONSTANT bigint := sespan.mail_first_queue_id(mail_event_find.message_id); -- of any number that a source makes up
BEGIN
    IF mail_event_find.message_id BETWEEN 1 AND 9007199254740991 THEN
        SELECT r.message_id INTO message FROM sespan.mail_outcome r
        WHERE r.queue_id BETWEEN first_id AND first_id + 1023 AND r.state = 'sent' AND coalesce(sespan.address_key(r.recipient), r.recipient) IN (mail_event_find.address_key, mailbox)
          AND (mail_event_find.created_at IS NULL OR r.created_at = mail_event_find.created_at)
        LIMIT 1;
        IF message IS NULL THEN -- tried, and perhaps taken by a server whose answer got lost
            SELECT q.message_id INTO message FROM sespan.mail_queue q
            WHERE q.queue_id BETWEEN first_id AND first_id + 1023 AND (q.attempts > 0 OR q.lapses > 0) AND coalesce(sespan.address_key(q.recipient), q.recipient) IN (mail_event_find.address_key, mailbox)
            LIMIT 1;
        END IF;
    END IF;
    IF message IS NULL AND length(mail_event_find.relay_id) BETWEEN 6 AND 200 THEN
        SELECT r.message_id INTO message FROM sespan.mail_outcome r
        WHERE r.created_at BETWEEN mail_event_find.sent_at - interval '8 days' AND mail_event_find.sent_at + interval '1 hour'
          AND r.finished_at BETWEEN mail_event_find.sent_at - interval '10 minutes' AND mail_event_find.sent_at + interval '10 minutes'
          AND r.state = 'sent' AND strpos(r.reply, mail_event_find.relay_id) > 0 AND coalesce(sespan.address_key(r.recipient), r.recipient) IN (mail_event_find.address_key, mailbox)
        LIMIT 1;
    END IF;
    RETURN message;
END
$$;
COMMENT ON FUNCTION sespan.mail_event_find(text, text, bigint, timestamptz, text, timestamptz) IS
    'The message of ours that an event speaks of (of its recipient: the address key, and beyond ASCII the address that was written to), by our number (and day, where known) or by the id in the relay''s answer around sent_at; NULL for none: only what we sent to that recipient counts';

CREATE FUNCTION sespan.mail_event_apply(source text, events jsonb, bounce_days int) RETURNS TABLE (event_id text, result text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e record;
    ours bigint;
    verdict text;
    scope_of CONSTANT jsonb := '{"bounce": "all", "complaint": "except_codes", "unsubscribe": "bulk"}';
BEGIN
    -- In the order of the addresses: two requests must not wait for each other.
    FOR e IN
        SELECT * FROM jsonb_to_recordset(events) AS x(event_id text, kind text, permanent boolean, recipient text, address_key text, mailbox text, message_id bigint, created_at timestamptz,
                                                      relay_id text, sent_at timestamptz, occurred_at timestamptz, detail text)
        ORDER BY x.address_key COLLATE "C", x.event_id
    LOOP
        ours := sespan.mail_event_find(e.address_key, e.mailbox, e.message_id, e.created_at, e.relay_id, coalesce(e.sent_at, e.occurred_at));
        verdict := CASE WHEN ours IS NULL THEN 'unmatched' WHEN e.kind = 'delivered' OR (e.kind = 'bounce' AND NOT e.permanent) THEN 'recorded' ELSE 'suppressed' END;
        INSERT INTO sespan.mail_event AS m (source, event_id, occurred_at, message_id, kind, permanent, result, recipient, detail)
        VALUES (mail_event_apply.source, e.event_id, e.occurred_at, ours, e.kind, coalesce(e.permanent, false), verdict, e.recipient, left(e.detail, 500))
        ON CONFLICT ON CONSTRAINT mail_event_pkey DO NOTHING;
        IF NOT FOUND THEN
            verdict := 'repeated';
        ELSIF verdict = 'suppressed' THEN
            INSERT INTO sespan.mail_suppression AS s (address, scope, reason, expires_at, message_id, source, detail)
            VALUES (e.address_key, scope_of ->> e.kind, e.kind, CASE e.kind WHEN 'bounce' THEN now() + make_interval(days => bounce_days) END,
                    ours, mail_event_apply.source, left(e.detail, 500))
            ON CONFLICT ON CONSTRAINT mail_suppression_pkey DO UPDATE
            SET expires_at = greatest(coalesce(s.expires_at, 'infinity'), coalesce(excluded.expires_at, 'infinity'))
            WHERE s.expires_at < coalesce(excluded.expires_at, 'infinity');
        END IF;
        event_id := e.event_id;
        result := verdict;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_event_apply(text, jsonb, int) IS
    'Notes events of a source, each once, and suppresses the recipients of mails of ours that bounced for good (for bounce_days), were complained about or unsubscribed from; answers per event suppressed, recorded, unmatched or repeated. Locks the rows of these events and addresses, in the order of the addresses';

CREATE FUNCTION sespan.mail_suppressed(address_key text, code boolean, bulk boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT s.reason FROM sespan.mail_suppression s
    WHERE s.address IN (mail_suppressed.address_key, sespan.address_erased(mail_suppressed.address_key)) AND (s.expires_at IS NULL OR s.expires_at > pg_catalog.now())
      AND (s.scope = 'all' OR (s.scope = 'except_codes' AND NOT code) OR (s.scope = 'bulk' AND bulk))
    LIMIT 1);
COMMENT ON FUNCTION sespan.mail_suppressed(text, boolean, boolean) IS
    'Why an address, by its key, is not written to, NULL when it is; code: the mail holds a code, bulk: it has a List-Unsubscribe header';

CREATE FUNCTION sespan.mail_bulk(headers jsonb, raw bytea) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(headers) h WHERE pg_catalog.lower(h COLLATE "C") = 'list-unsubscribe')
        OR coalesce(pg_catalog.split_part(pg_catalog.replace(pg_catalog.encode(pg_catalog.substr(raw, 1, 65536), 'escape'), E'\r', ''), E'\n\n', 1)
                    ~* '(^|\n)list-unsubscribe:' COLLATE "C", false)
$$;
COMMENT ON FUNCTION sespan.mail_bulk(jsonb, bytea) IS 'Whether a mail offers to unsubscribe, in its headers or those of a raw message, in whatever case';

CREATE FUNCTION sespan.mail_suppress(address text, scope text DEFAULT 'all', detail text DEFAULT NULL, expires_at timestamptz DEFAULT NULL, actor text DEFAULT NULL,
    address_key text DEFAULT NULL)
RETURNS SETOF sespan.mail_suppression
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key CONSTANT text := sespan.address_key_checked(mail_suppress.address, mail_suppress.address_key);
BEGIN
    IF mail_suppress.scope IS NULL OR mail_suppress.scope NOT IN ('all', 'except_codes', 'bulk') THEN
        PERFORM sespan.mail_refuse('scope', 'must be all, except_codes or bulk');
    END IF;
    IF mail_suppress.expires_at <= now() THEN
        PERFORM sespan.mail_refuse('expires_at', 'lies in the past');
    ELSIF mail_suppress.expires_at >= '9999-01-01 00:00+00' THEN
        PERFORM sespan.mail_refuse('expires_at', 'never comes: leave it out');
    END IF;
    PERFORM sespan.audit_as(mail_suppress.actor);
    RETURN QUERY
        INSERT INTO sespan.mail_suppression AS s (address, scope, reason, expires_at, source, detail)
        VALUES (key, mail_suppress.scope, 'manual', mail_suppress.expires_at, left(coalesce(mail_suppress.actor, session_user), 200), left(mail_suppress.detail, 500))
        ON CONFLICT ON CONSTRAINT mail_suppression_pkey DO UPDATE
        SET reason = excluded.reason, expires_at = excluded.expires_at, source = excluded.source, detail = excluded.detail, message_id = NULL, created_at = now()
        RETURNING s.*;
END
$$;
COMMENT ON FUNCTION sespan.mail_suppress(text, text, text, timestamptz, text, text) IS
    'Writes to an address no more: all mails, all but codes (except_codes), or mails with a List-Unsubscribe header (bulk); until expires_at, NULL for ever. Returns the row and leaves one in the audit. An address beyond ASCII needs address_key. SP003 names a bad parameter';

CREATE FUNCTION sespan.mail_unsuppress(address text, actor text DEFAULT NULL, address_key text DEFAULT NULL, scope text DEFAULT NULL) RETURNS SETOF sespan.mail_suppression
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key CONSTANT text := sespan.address_key_checked(mail_unsuppress.address, mail_unsuppress.address_key);
BEGIN
    PERFORM sespan.audit_as(mail_unsuppress.actor);
    RETURN QUERY
        DELETE FROM sespan.mail_suppression AS s
        WHERE (s.address, s.scope) IN (SELECT o.address, o.scope FROM sespan.mail_suppression o
                                       WHERE o.address IN (key, sespan.address_erased(key)) AND o.scope = coalesce(mail_unsuppress.scope, o.scope)
                                       FOR UPDATE SKIP LOCKED)
        RETURNING s.*;
END
$$;
COMMENT ON FUNCTION sespan.mail_unsuppress(text, text, text, text) IS
    'Writes to an address again, or ends the suppression of one scope alone. Returns the rows that it deleted, leaving one each in the audit; rows that others hold are skipped';

CREATE FUNCTION sespan.mail_event_tidy(keep interval, portion int) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
    n bigint;
BEGIN
    DELETE FROM sespan.mail_event m WHERE (m.source, m.event_id) IN (
        SELECT o.source, o.event_id FROM sespan.mail_event o WHERE o.received_at < now() - keep LIMIT portion FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS changed = ROW_COUNT;
    DELETE FROM sespan.mail_suppression s WHERE (s.address, s.scope) IN (
        SELECT o.address, o.scope FROM sespan.mail_suppression o WHERE o.expires_at < now() - interval '30 days' LIMIT portion FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN changed + n;
END
$$;
COMMENT ON FUNCTION sespan.mail_event_tidy(interval, int) IS
    'Forgets events older than keep and suppressions that ended 30 days ago, each at most portion rows, past rows that others hold; returns the rows deleted';

---- create above / drop below ----

DROP FUNCTION sespan.mail_event_tidy(interval, int), sespan.mail_unsuppress(text, text, text, text), sespan.mail_suppress(text, text, text, timestamptz, text, text),
    sespan.mail_bulk(jsonb, bytea), sespan.mail_suppressed(text, boolean, boolean), sespan.mail_event_apply(text, jsonb, int),
    sespan.mail_event_find(text, text, bigint, timestamptz, text, timestamptz);
DROP TABLE sespan.mail_event, sespan.mail_suppression;
