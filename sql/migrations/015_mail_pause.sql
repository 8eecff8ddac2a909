-- Pauses: all mails, a category, or a domain of recipients. A worker parks the mails
-- of a pause that it meets.

CREATE TABLE sespan.mail_pause (
    what  text PRIMARY KEY CHECK (what ~ '^(all|category:[A-Za-z0-9._:-]{1,64}|domain:[^[:cntrl:][:space:]@]{1,253})$'),
    since timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL
);
COMMENT ON TABLE sespan.mail_pause IS 'What is not sent at the moment';
COMMENT ON COLUMN sespan.mail_pause.what IS 'all, category:<category> or domain:<domain of the recipient, as A-labels>';
COMMENT ON COLUMN sespan.mail_pause.since IS 'Since when';
COMMENT ON COLUMN sespan.mail_pause.actor IS 'Who paused it';
CREATE TRIGGER mail_pause_audit AFTER INSERT OR UPDATE OR DELETE ON sespan.mail_pause FOR EACH ROW
    EXECUTE FUNCTION sespan.audit_row('{"subject": "pause", "id": "what", "INSERT": "pause", "DELETE": "resume"}');
COMMENT ON TRIGGER mail_pause_audit ON sespan.mail_pause IS 'Audit of pauses';

CREATE VIEW sespan.mail_paused AS
SELECT NULL::text AS what, NULL::timestamptz AS since, NULL::text AS actor, NULL::bigint AS mails, NULL::bigint AS left_parked
WHERE false;
COMMENT ON VIEW sespan.mail_paused IS 'Row type of mail_pause and mail_resume: mails were let go now, left_parked will be soon';

CREATE FUNCTION sespan.mail_check_pause(what text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    subject text := CASE WHEN what LIKE 'domain:%' THEN pg_catalog.lower(what COLLATE "C") ELSE what END;
BEGIN
    IF subject IS NULL OR subject !~ '^(all|category:[A-Za-z0-9._:-]{1,64}|domain:[^[:cntrl:][:space:]@]{1,253})$' THEN
        RAISE EXCEPTION 'what: must be all, category:<category> or domain:<domain>' USING ERRCODE = 'invalid_parameter_value';
    ELSIF subject ~ '[^\x01-\x7f]' COLLATE "C" THEN
        RAISE EXCEPTION 'what: % is beyond ASCII', quote_literal(subject) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write the domain in its ASCII form (xn--…); sespan mail pause and the pages of the site''s admin take it as it is.';
    END IF;
    RETURN subject;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_pause(text) IS 'What can be paused, with its domain in lower case and in ASCII';

CREATE FUNCTION sespan.mail_pause(what text, actor text DEFAULT NULL) RETURNS SETOF sespan.mail_paused
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
    PERFORM sespan.audit_as(actor);
    INSERT INTO sespan.mail_pause AS p (what, actor) VALUES (subject, coalesce(actor, session_user)) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT p.what, p.since, p.actor, 0::bigint, 0::bigint FROM sespan.mail_pause p WHERE p.what = subject;
END
$$;
COMMENT ON FUNCTION sespan.mail_pause(text, text) IS
    'Stops the sending of all mails, of a category (category:x) or to a domain (domain:x) until mail_resume; what is being sent now is sent';

CREATE FUNCTION sespan.mail_unpark(portion int, only_what text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    subject text;
    let_go bigint := 0;
    n bigint;
BEGIN
    -- From one value of parked to the next: rows whose pause goes on are not read.
    SELECT min(q.parked) INTO subject FROM sespan.mail_queue q WHERE q.parked IS NOT NULL;
    WHILE subject IS NOT NULL AND let_go < portion LOOP
        IF subject = coalesce(only_what, subject) AND NOT EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = subject) THEN
            UPDATE sespan.mail_queue q SET parked = NULL, due_at = clock_timestamp()
            WHERE q.queue_id = ANY (ARRAY(SELECT x.queue_id FROM sespan.mail_queue x WHERE x.parked = subject LIMIT portion - let_go FOR UPDATE SKIP LOCKED));
            GET DIAGNOSTICS n = ROW_COUNT;
            let_go := let_go + n;
        END IF;
        SELECT min(q.parked) INTO subject FROM sespan.mail_queue q WHERE q.parked > subject;
    END LOOP;
    IF let_go > 0 THEN
        PERFORM sespan.mail_notify();
    END IF;
    RETURN let_go;
END
$$;
COMMENT ON FUNCTION sespan.mail_unpark(int, text) IS 'Lets mails go whose pause is over, at most a portion; returns how many';

CREATE FUNCTION sespan.mail_resume(what text, actor text DEFAULT NULL) RETURNS SETOF sespan.mail_paused
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    subject text := sespan.mail_check_pause(what);
    r sespan.mail_paused;
BEGIN
    PERFORM sespan.audit_as(actor);
    DELETE FROM sespan.mail_pause p WHERE p.what = subject RETURNING p.what, p.since, p.actor INTO r.what, r.since, r.actor;
    r.mails := sespan.mail_unpark(10000, subject);
    SELECT count(*) INTO r.left_parked FROM sespan.mail_queue q WHERE q.parked = subject;
    IF r.what IS NULL AND r.mails = 0 THEN
        RETURN; -- was not paused
    END IF;
    r.what := subject;
    PERFORM sespan.mail_notify();
    RETURN NEXT r;
END
$$;
COMMENT ON FUNCTION sespan.mail_resume(text, text) IS
    'Ends a pause; no row where there was none. Up to 10000 of its mails are let go at once, the rest by maintenance within seconds';

---- create above / drop below ----

DROP FUNCTION sespan.mail_resume(text, text), sespan.mail_unpark(int, text), sespan.mail_pause(text, text), sespan.mail_check_pause(text);
DROP VIEW sespan.mail_paused;
DROP TABLE sespan.mail_pause;
