-- What the mail workers tell of themselves, and a doorbell that costs a site's
-- inserts less.

CREATE TABLE sespan.mail_worker (
    worker_id   bigint PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    connections int NOT NULL,
    hears       boolean NOT NULL,
    host        text NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE sespan.mail_worker IS 'Mail workers: each renews its row every few seconds and deletes it when it ends';
COMMENT ON COLUMN sespan.mail_worker.worker_id IS 'Random, anew with each start';
COMMENT ON COLUMN sespan.mail_worker.started_at IS 'Since when it works';
COMMENT ON COLUMN sespan.mail_worker.seen_at IS 'Last sign of life; a row that is a minute old belongs to a worker that vanished';
COMMENT ON COLUMN sespan.mail_worker.connections IS 'Mails that it sends at once';
COMMENT ON COLUMN sespan.mail_worker.hears IS 'Notifications reach it; else it polls';
COMMENT ON COLUMN sespan.mail_worker.host IS 'Host name and process id';
CREATE TRIGGER mail_attachments_apart AFTER INSERT ON sespan.mail_worker FOR EACH STATEMENT EXECUTE FUNCTION sespan.mail_attachments_apart();

-- Workers of earlier versions leave no row here, but name their sessions.
CREATE OR REPLACE FUNCTION sespan.mail_workers() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN w.alive > 0 THEN w.alive
                ELSE (SELECT count(*)::int FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name LIKE 'sespan mail%') END
    FROM (SELECT count(*)::int AS alive FROM sespan.mail_worker m WHERE m.seen_at > clock_timestamp() - interval '1 minute') w
$$;
COMMENT ON FUNCTION sespan.mail_workers() IS 'Mail workers that gave a sign of life within a minute; 0 means that nobody sends';

-- The condition is evaluated after the rows are in and the lock on mail_queue is
-- held, as the look at the flag in mail_ring is, and without a call of PL/pgSQL:
-- while a worker is awake, an insert pays for nothing but the condition.
CREATE OR REPLACE TRIGGER mail_ring AFTER INSERT ON sespan.mail_queue FOR EACH STATEMENT
    WHEN (coalesce(pg_catalog.pg_sequence_last_value('sespan.mail_doorbell'), 0) < (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint)
    EXECUTE FUNCTION sespan.mail_ring();

-- A mailbox provider drops an offer to unsubscribe that is not as RFC 2369 and RFC
-- 8058 want it, without a word to the sender: the caller hears of it instead.
CREATE OR REPLACE FUNCTION sespan.mail_check_headers(headers jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    h record;
    offer text;
    one_click text;
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
        ELSIF pg_catalog.lower(h.key) = 'list-unsubscribe' THEN
            offer := h.line;
        ELSIF pg_catalog.lower(h.key) = 'list-unsubscribe-post' THEN
            one_click := h.line;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(headers) k GROUP BY pg_catalog.lower(k) HAVING count(*) > 1) THEN
        PERFORM sespan.mail_refuse('headers', 'holds one name twice');
    ELSIF offer !~* '^\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>(\s*,\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>)*\s*$' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe must be addresses in angle brackets, such as <https://shop.example/u/1>, <mailto:u@shop.example>');
    ELSIF pg_catalog.btrim(one_click) <> 'List-Unsubscribe=One-Click' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post must be List-Unsubscribe=One-Click');
    ELSIF one_click IS NOT NULL AND offer ~* '<https://' IS NOT TRUE THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post needs a List-Unsubscribe with an https address beside it');
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_headers(jsonb) IS 'SP003 unless these are extra headers that may be sent';

---- create above / drop below ----

CREATE OR REPLACE FUNCTION sespan.mail_check_headers(headers jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
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
CREATE OR REPLACE TRIGGER mail_ring AFTER INSERT ON sespan.mail_queue FOR EACH STATEMENT EXECUTE FUNCTION sespan.mail_ring();
CREATE OR REPLACE FUNCTION sespan.mail_workers() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*)::int FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name LIKE 'sespan mail%'
$$;
COMMENT ON FUNCTION sespan.mail_workers() IS 'Database sessions of mail workers; 0 means that nobody sends';
DROP TABLE sespan.mail_worker;
