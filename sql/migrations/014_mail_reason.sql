-- Why a mail waits, or what became of it.

CREATE VIEW sespan.mail_reason AS
SELECT NULL::bigint AS queue_id, NULL::bigint AS message_id, NULL::text AS recipient, NULL::text AS state, NULL::text AS reason, NULL::text AS why,
       NULL::timestamptz AS next_try, NULL::smallint AS attempts, NULL::smallint AS code, NULL::text AS reply, NULL::timestamptz AS finished_at
WHERE false;
COMMENT ON VIEW sespan.mail_reason IS 'Row type of mail_why';

CREATE FUNCTION sespan.mail_time(t timestamptz) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT pg_catalog.to_char(t, 'YYYY-MM-DD HH24:MI:SS') || coalesce(' ' || nullif(pg_catalog.to_char(t, 'TZ'), ''), '')
$$;
COMMENT ON FUNCTION sespan.mail_time(timestamptz) IS 'A moment as it stands in sentences, in the session''s time zone';

CREATE FUNCTION sespan.mail_because(reason text, code smallint, reply text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(reason, 'no reason is known')
        || CASE WHEN reply <> '' OR code > 0 THEN ' (' || pg_catalog.concat_ws(' ', code::text, pg_catalog.left(reply, 300)) || ')' ELSE '' END
$$;
COMMENT ON FUNCTION sespan.mail_because(text, smallint, text) IS 'Reason, code and the server''s words in one';

CREATE FUNCTION sespan.mail_why_live(q sespan.mail_queue) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    pause sespan.mail_pause;
    ahead bigint;
    held text := CASE WHEN sespan.mail_workers() = 0 THEN ' No worker is running.' ELSE '' END;
BEGIN
    SELECT * INTO pause FROM sespan.mail_pause p WHERE p.what IN ('all', q.parked) ORDER BY p.what = q.parked DESC NULLS LAST LIMIT 1;
    IF q.state = 'sending' THEN
        RETURN CASE WHEN q.leased_until > pg_catalog.clock_timestamp()
            THEN 'It is being sent now; the worker''s lease ends at ' || sespan.mail_time(q.leased_until) || '.'
            ELSE 'The worker that had it vanished at ' || sespan.mail_time(q.leased_until) || '; another one takes it back within seconds.' || held END;
    ELSIF q.state = 'unknown' THEN
        RETURN 'It may have been sent: ' || sespan.mail_because(q.last_reason, q.last_code, q.last_reply) || ' at '
            || coalesce(sespan.mail_time(q.tried_at), 'an unknown time') || ', and on_unknown = hold leaves the decision to a person: mail_retry or mail_cancel.';
    ELSIF pause.what IS NOT NULL THEN
        RETURN pg_catalog.format('It is held by the pause of %s, which %s set at %s.', CASE pause.what WHEN 'all' THEN 'all mails' ELSE pause.what END,
                                 pause.actor, sespan.mail_time(pause.since));
    ELSIF q.parked IS NOT NULL THEN
        RETURN pg_catalog.format('The pause of %s is over; it is let go within seconds.', q.parked) || held;
    ELSIF q.state = 'retry' AND q.attempts > 0 THEN
        RETURN pg_catalog.format('Try number %s is due at %s, because the last one failed: %s.', q.attempts + 1, sespan.mail_time(q.due_at),
                                 sespan.mail_because(q.last_reason, q.last_code, q.last_reply)) || held;
    ELSIF q.last_reason = 'limited' THEN
        RETURN 'A rate limit holds it back until ' || sespan.mail_time(q.due_at) || coalesce(': ' || q.last_reply, '') || '.' || held;
    ELSIF q.last_reason = 'breaker' THEN
        RETURN 'Its relay or domain fails at the moment, so it is not tried before ' || sespan.mail_time(q.due_at) || coalesce(': ' || q.last_reply, '') || '.' || held;
    ELSIF q.state = 'retry' THEN
        RETURN pg_catalog.format('It is due again at %s: %s.', sespan.mail_time(q.due_at), sespan.mail_because(q.last_reason, q.last_code, q.last_reply)) || held;
    ELSIF q.due_at > pg_catalog.clock_timestamp() THEN
        RETURN 'It is scheduled for ' || sespan.mail_time(q.due_at) || '.' || held;
    ELSIF q.state = 'scheduled' THEN
        RETURN 'It is due since ' || sespan.mail_time(q.due_at) || ' and waits for a worker.' || held;
    END IF;
    -- Bounded: nobody needs to know more exactly.
    SELECT count(*) INTO ahead FROM (SELECT FROM sespan.mail_queue f WHERE f.state = 'queued' AND (f.priority, f.queue_id) < (q.priority, q.queue_id) LIMIT 10001) f;
    RETURN CASE WHEN ahead = 0 THEN 'It is the next to be sent.' WHEN ahead > 10000 THEN 'It waits behind more than 10000 other mails.'
                ELSE pg_catalog.format('It waits behind %s other mails.', ahead) END || held;
END
$$;
COMMENT ON FUNCTION sespan.mail_why_live(sespan.mail_queue) IS 'Why a mail is not sent yet, in one sentence';

CREATE FUNCTION sespan.mail_why_final(o sespan.mail_outcome) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    m record;
    because text := sespan.mail_because(o.reason, o.code, o.reply);
BEGIN
    SELECT x.wiped_at, x.expires_at INTO m FROM sespan.mail_message x WHERE x.message_id = o.message_id AND x.created_at = o.created_at;
    RETURN CASE o.state
        WHEN 'sent' THEN 'It was sent at ' || sespan.mail_time(o.finished_at) || coalesce(' to ' || o.relay, '') || coalesce(', which answered: ' || o.reply, '') || '.'
        WHEN 'dead' THEN pg_catalog.format('It is dead since %s after %s tries: %s. ', sespan.mail_time(o.finished_at), o.attempts, because)
            || CASE WHEN NOT FOUND THEN 'Its content is gone, so it can not be sent again.'
                    WHEN m.wiped_at IS NOT NULL THEN 'Its body was wiped, so it can not be sent again.' ELSE 'mail_retry sends it again.' END
        WHEN 'expired' THEN pg_catalog.format('It was not sent before its expires_at, %s.', coalesce(sespan.mail_time(m.expires_at), 'which has passed'))
        WHEN 'suppressed' THEN 'It was not sent, because the address is not written to: ' || because || '.'
        ELSE 'It was cancelled at ' || sespan.mail_time(o.finished_at) || coalesce(' ' || o.reply, '') || '.' END;
END
$$;
COMMENT ON FUNCTION sespan.mail_why_final(sespan.mail_outcome) IS 'What became of a mail, in one sentence';

CREATE FUNCTION sespan.mail_why(message_id bigint) RETURNS SETOF sespan.mail_reason
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
    SELECT q.queue_id, q.message_id, q.recipient, q.state, CASE WHEN q.parked IS NULL THEN q.last_reason ELSE 'paused' END, sespan.mail_why_live(q),
           CASE WHEN q.state IN ('queued', 'scheduled', 'retry') THEN nullif(q.due_at, 'infinity') END, q.attempts, q.last_code, q.last_reply, NULL::timestamptz
    FROM sespan.mail_queue q
    WHERE q.queue_id BETWEEN sespan.mail_first_queue_id(mail_why.message_id) AND sespan.mail_first_queue_id(mail_why.message_id) + 1023
    UNION ALL
    SELECT o.queue_id, o.message_id, o.recipient, o.state, o.reason, sespan.mail_why_final(o), NULL, o.attempts, o.code, o.reply, o.finished_at
    FROM sespan.mail_outcome o
    WHERE o.queue_id BETWEEN sespan.mail_first_queue_id(mail_why.message_id) AND sespan.mail_first_queue_id(mail_why.message_id) + 1023
    ORDER BY 1
$$;
COMMENT ON FUNCTION sespan.mail_why(bigint) IS 'For each recipient of a message: where it stands, why, and when it is tried next; no row for an unknown id';

CREATE VIEW sespan.mail_stuck AS
SELECT CASE q.state WHEN 'unknown' THEN 'undecided' WHEN 'sending' THEN 'abandoned' ELSE CASE WHEN q.parked IS NULL THEN 'overdue' ELSE 'parked' END END AS kind,
       q.queue_id, q.message_id, q.recipient, q.state,
       CASE WHEN q.state = 'sending' THEN q.leased_until WHEN q.state = 'unknown' THEN q.tried_at WHEN q.parked IS NOT NULL THEN q.created_at ELSE q.due_at END AS since,
       CASE WHEN q.state = 'unknown' THEN 'It may have been sent; mail_retry or mail_cancel decides.'
            WHEN q.state = 'sending' THEN 'Its worker vanished and no other took it back: is a worker running?'
            WHEN q.parked IS NOT NULL THEN 'It is held by the pause of ' || q.parked || '.'
            ELSE 'It is due and not sent: is a worker running, and does it keep up?' END
       || coalesce(' Last: ' || nullif(concat_ws(' ', q.last_reason, q.last_code, q.last_reply), '') || '.', '') AS why
FROM (SELECT * FROM sespan.mail_queue x
      WHERE x.state = 'unknown' OR x.state = 'sending' AND x.leased_until < now() - interval '1 minute'
          OR x.state IN ('queued', 'scheduled', 'retry') AND x.due_at < now() - interval '5 minutes'
          OR x.parked IS NOT NULL AND x.created_at < now() - interval '1 day'
      ORDER BY x.due_at, x.queue_id
      LIMIT 1000) q;
COMMENT ON VIEW sespan.mail_stuck IS
    'Mails that need a look, at most 1000: undecided (unknown), abandoned (lease over for a minute), overdue (due for five minutes), parked (held by a pause for a day). Reads the hot table once';

---- create above / drop below ----

DROP VIEW sespan.mail_stuck;
DROP FUNCTION sespan.mail_why(bigint), sespan.mail_why_final(sespan.mail_outcome), sespan.mail_why_live(sespan.mail_queue),
    sespan.mail_because(text, smallint, text), sespan.mail_time(timestamptz);
DROP VIEW sespan.mail_reason;
