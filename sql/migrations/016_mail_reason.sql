-- Why a mail waits, what became of it, or why a call left it as it is: a reason of
-- a closed list and its facts. mail_sentence makes one plain English sentence of
-- the two, for whoever has a SQL prompt; programs write their own, in the language
-- of their reader.

CREATE FUNCTION sespan.mail_reasons() RETURNS TABLE (reason text, facts text[]) LANGUAGE sql IMMUTABLE
AS $$
    VALUES
        -- It waits.
        ('next', '{workers}'::text[]), ('behind', '{ahead,workers}'), ('scheduled', '{due_at,workers}'), ('due', '{due_at,workers}'),
        ('announced', '{ago,dispatch,failure,code,reply,workers}'), ('sending', '{leased_until}'), ('worker_lost', '{leased_until,workers}'), ('undecided', '{tried_at,failure,code,reply}'),
        ('paused', '{pause,actor,since,failure,code,reply}'), ('pause_over', '{pause,workers}'), ('rate_limited', '{due_at,reply,workers}'),
        ('relay_failing', '{due_at,reply,workers}'), ('retry', '{try,due_at,failure,code,reply,workers}'),
        ('due_again', '{due_at,failure,code,reply,workers}'), ('abandoned', '{leased_until,failure,code,reply}'), ('overdue', '{due_at,failure,code,reply}'),
        -- It is at its end.
        ('sent', '{finished_at,relay,reply}'), ('dead', '{finished_at,attempts,failure,code,reply}'), ('dead_wiped', '{finished_at,attempts,failure,code,reply}'),
        ('dead_gone', '{finished_at,attempts,failure,code,reply}'), ('expired', '{expires_at}'), ('suppressed', '{failure,code,reply}'),
        ('cancelled', '{finished_at,actor,reply}'),
        -- A call left it as it is, or shows less of it.
        ('unknown_id', '{}'), ('busy', '{}'), ('waiting', '{}'), ('content_gone', '{}'), ('body_wiped', '{wiped_at}'), ('body_sealed', '{}'),
        ('past_expiry', '{expires_at}')
$$;
COMMENT ON FUNCTION sespan.mail_reasons() IS 'The closed list of reasons, and which facts each may have; docs/mail-operations.md explains them';

CREATE FUNCTION sespan.mail_time(t timestamptz) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT pg_catalog.to_char(t, 'YYYY-MM-DD HH24:MI:SS') || coalesce(' ' || nullif(pg_catalog.to_char(t, 'TZ'), ''), '')
$$;
COMMENT ON FUNCTION sespan.mail_time(timestamptz) IS 'A moment as it stands in sentences, in the session''s time zone';

CREATE FUNCTION sespan.mail_sentence(reason text, facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    f jsonb := (SELECT jsonb_object_agg(e.key, CASE WHEN e.key ~ '(_at|_until|^since)$' THEN to_jsonb(sespan.mail_time(e.value::timestamptz)) ELSE to_jsonb(e.value) END)
                FROM jsonb_each_text(facts) e WHERE e.value IS NOT NULL);
    code text := nullif(f ->> 'code', '0');
    reply text := nullif(left(f ->> 'reply', 300), '');
    failure text := coalesce(f ->> 'failure', 'no reason is known') || coalesce(' (' || nullif(concat_ws(' ', code, reply), '') || ')', '');
    tries text := (f ->> 'attempts') || CASE f ->> 'attempts' WHEN '1' THEN ' try' ELSE ' tries' END;
    last_failure text := coalesce(' Last: ' || nullif(concat_ws(' ', f ->> 'failure', code, reply), '') || '.', '');
    no_worker text := CASE WHEN f ->> 'workers' = '0' THEN ' No worker is running.' ELSE '' END;
BEGIN
    RETURN CASE reason
        WHEN 'next' THEN 'It is the next to be sent.' || no_worker
        WHEN 'behind' THEN format('It waits behind %s.', CASE WHEN f ->> 'ahead' = '1' THEN '1 other mail' WHEN (f ->> 'ahead')::int > 10000 THEN 'more than 10000 other mails' ELSE (f ->> 'ahead') || ' other mails' END) || no_worker
        WHEN 'scheduled' THEN format('It is scheduled for %s.', f ->> 'due_at') || no_worker
        WHEN 'due' THEN format('It is due since %s and waits for a worker.', f ->> 'due_at') || no_worker
        WHEN 'announced' THEN format('It was announced to %s %s s ago, not yet claimed.', CASE f ->> 'dispatch' WHEN 'amqp' THEN 'RabbitMQ' WHEN 'kafka' THEN 'Apache Kafka' ELSE 'a broker' END,
                                     coalesce(f ->> 'ago', 'some')) || last_failure || no_worker
        WHEN 'sending' THEN format('It is being sent now; the worker''s lease ends at %s.', f ->> 'leased_until')
        WHEN 'worker_lost' THEN format('The worker that had it vanished at %s; another one takes it back within seconds.', f ->> 'leased_until') || no_worker
        WHEN 'undecided' THEN format('It may have been sent: %s at %s. A person decides: mail_retry or mail_cancel.',
                                     failure, coalesce(f ->> 'tried_at', 'an unknown time'))
        WHEN 'paused' THEN format('It is held by the pause of %s', CASE f ->> 'pause' WHEN 'all' THEN 'all mails' ELSE f ->> 'pause' END)
                           || coalesce(', which ' || (f ->> 'actor') || ' set at ' || (f ->> 'since'), '') || '.' || last_failure
        WHEN 'pause_over' THEN format('The pause of %s is over; it is let go within seconds.', f ->> 'pause') || no_worker
        WHEN 'rate_limited' THEN format('A rate limit holds it back until %s%s.', f ->> 'due_at', ': ' || reply) || no_worker
        WHEN 'relay_failing' THEN format('Its relay or domain fails at the moment, so it is not tried before %s%s.', f ->> 'due_at', ': ' || reply) || no_worker
        WHEN 'retry' THEN format('Try number %s is due at %s, because the last one failed: %s.', f ->> 'try', f ->> 'due_at', failure) || no_worker
        WHEN 'due_again' THEN format('It is due again at %s: %s.', f ->> 'due_at', failure) || no_worker
        WHEN 'abandoned' THEN 'Its worker vanished and no other took it back: is a worker running?' || last_failure
        WHEN 'overdue' THEN 'It is due and not sent: is a worker running, and does it keep up?' || last_failure
        WHEN 'sent' THEN format('It was sent at %s%s%s.', f ->> 'finished_at', ' to ' || (f ->> 'relay'), ', which answered: ' || reply)
        WHEN 'dead' THEN format('It is dead since %s after %s: %s. mail_retry sends it again.', f ->> 'finished_at', tries, failure)
        WHEN 'dead_wiped' THEN format('It is dead since %s after %s: %s. Its body was wiped, so it can not be sent again.', f ->> 'finished_at', tries, failure)
        WHEN 'dead_gone' THEN format('It is dead since %s after %s: %s. Its content is gone, so it can not be sent again.', f ->> 'finished_at', tries, failure)
        WHEN 'expired' THEN format('It was not sent before its expires_at, %s.', coalesce(f ->> 'expires_at', 'which has passed'))
        WHEN 'suppressed' THEN format('It was not sent, because the address is not written to: %s.', failure)
        WHEN 'cancelled' THEN format('It was cancelled at %s%s%s.', f ->> 'finished_at', ' by ' || (f ->> 'actor'), '; ' || reply)
        WHEN 'unknown_id' THEN 'No mail with this id is known.'
        WHEN 'busy' THEN 'It is changed by somebody else at this moment.'
        WHEN 'waiting' THEN 'It waits for a worker already.'
        WHEN 'content_gone' THEN 'Its content is gone: it is older than the retention.'
        WHEN 'body_wiped' THEN format('Its body was wiped at %s: enqueue it anew.', f ->> 'wiped_at')
        WHEN 'body_sealed' THEN 'Its body is sealed: it holds a code, which nobody but the recipient sees.'
        WHEN 'past_expiry' THEN format('Its expires_at has passed at %s.', f ->> 'expires_at')
    END;
END
$$;
COMMENT ON FUNCTION sespan.mail_sentence(text, jsonb) IS 'A reason and its facts in one English sentence; NULL for no reason';

CREATE FUNCTION sespan.mail_reason_queued(q sespan.mail_queue, OUT reason text, OUT facts jsonb) LANGUAGE plpgsql STABLE
AS $$
DECLARE
    failure jsonb := pg_catalog.jsonb_build_object('failure', q.last_reason, 'code', q.last_code, 'reply', q.last_reply);
    pause sespan.mail_pause;
    ahead bigint;
BEGIN
    SELECT * INTO pause FROM sespan.mail_pause p WHERE p.what IN ('all', q.parked) ORDER BY p.what = q.parked DESC NULLS LAST LIMIT 1;
    facts := pg_catalog.jsonb_build_object('due_at', q.due_at);
    IF q.state = 'sending' THEN
        reason := CASE WHEN q.leased_until > pg_catalog.clock_timestamp() THEN 'sending' ELSE 'worker_lost' END;
        facts := pg_catalog.jsonb_build_object('leased_until', q.leased_until);
    ELSIF q.state = 'unknown' THEN
        reason := 'undecided';
        facts := failure || pg_catalog.jsonb_build_object('tried_at', q.tried_at);
    ELSIF pause.what IS NOT NULL THEN
        reason := 'paused';
        facts := pg_catalog.jsonb_build_object('pause', pause.what, 'actor', pause.actor, 'since', pause.since);
    ELSIF q.parked IS NOT NULL THEN
        reason := 'pause_over';
        facts := pg_catalog.jsonb_build_object('pause', q.parked);
    ELSIF q.announced_at >= q.due_at AND q.due_at <= pg_catalog.clock_timestamp() THEN
        reason := 'announced';
        facts := failure || pg_catalog.jsonb_build_object(
            'ago', greatest(floor(extract(epoch FROM pg_catalog.clock_timestamp() - q.announced_at)), 0)::int,
            'dispatch', (SELECT w.dispatch FROM sespan.mail_worker w WHERE w.kind = 'announcer' ORDER BY w.seen_at DESC LIMIT 1));
    ELSIF q.state = 'retry' AND q.attempts > 0 THEN
        reason := 'retry';
        facts := facts || failure || pg_catalog.jsonb_build_object('try', q.attempts + 1);
    ELSIF q.last_reason IN ('limited', 'breaker') THEN
        reason := CASE q.last_reason WHEN 'limited' THEN 'rate_limited' ELSE 'relay_failing' END;
        facts := facts || pg_catalog.jsonb_build_object('reply', q.last_reply);
    ELSIF q.state = 'retry' THEN
        reason := 'due_again';
        facts := facts || failure;
    ELSIF q.due_at > pg_catalog.clock_timestamp() OR q.state = 'scheduled' THEN
        reason := CASE WHEN q.due_at > pg_catalog.clock_timestamp() THEN 'scheduled' ELSE 'due' END;
    ELSE -- Bounded: nobody needs to know more exactly.
        SELECT count(*) INTO ahead FROM (SELECT FROM sespan.mail_queue f WHERE f.state = 'queued' AND (f.priority, f.queue_id) < (q.priority, q.queue_id) LIMIT 10001) f;
        reason := CASE WHEN ahead = 0 THEN 'next' ELSE 'behind' END;
        facts := pg_catalog.jsonb_build_object('ahead', nullif(ahead, 0));
    END IF;
    IF reason NOT IN ('sending', 'undecided', 'paused') THEN
        facts := facts || pg_catalog.jsonb_build_object('workers', sespan.mail_workers());
    END IF;
    facts := pg_catalog.jsonb_strip_nulls(facts);
END
$$;
COMMENT ON FUNCTION sespan.mail_reason_queued(sespan.mail_queue) IS 'Why a mail is not sent yet';

CREATE FUNCTION sespan.mail_reason_finished(o sespan.mail_outcome, OUT reason text, OUT facts jsonb) LANGUAGE plpgsql STABLE
AS $$
DECLARE
    m record;
BEGIN
    SELECT x.wiped_at, x.expires_at INTO m FROM sespan.mail_message x WHERE x.message_id = o.message_id AND x.created_at = o.created_at;
    reason := o.state;
    IF o.state = 'dead' THEN
        reason := CASE WHEN NOT FOUND THEN 'dead_gone' WHEN m.wiped_at IS NOT NULL THEN 'dead_wiped' ELSE 'dead' END;
    END IF;
    facts := pg_catalog.jsonb_strip_nulls(CASE o.state
        WHEN 'sent' THEN pg_catalog.jsonb_build_object('finished_at', o.finished_at, 'relay', o.relay, 'reply', o.reply)
        WHEN 'dead' THEN pg_catalog.jsonb_build_object('finished_at', o.finished_at, 'attempts', o.attempts, 'failure', o.reason, 'code', o.code, 'reply', o.reply)
        WHEN 'expired' THEN pg_catalog.jsonb_build_object('expires_at', m.expires_at)
        WHEN 'suppressed' THEN pg_catalog.jsonb_build_object('failure', o.reason, 'code', o.code, 'reply', o.reply)
        -- mail_cancel writes "by <actor>; <what the server said before>".
        ELSE pg_catalog.jsonb_build_object('finished_at', o.finished_at, 'actor', pg_catalog.substring(o.reply, '^by ([^;]*)'),
                                           'reply', nullif(pg_catalog.regexp_replace(o.reply, '^by [^;]*(; )?', ''), '')) END);
END
$$;
COMMENT ON FUNCTION sespan.mail_reason_finished(sespan.mail_outcome) IS 'What became of a mail';

-- Never read: the row type of mail_why.
CREATE VIEW sespan.mail_reason AS
SELECT NULL::bigint AS queue_id, NULL::bigint AS message_id, NULL::text AS recipient, NULL::text AS state, NULL::text AS reason, NULL::jsonb AS facts,
       NULL::text AS why, NULL::timestamptz AS next_try, NULL::smallint AS attempts, NULL::smallint AS code, NULL::text AS reply, NULL::timestamptz AS finished_at
WHERE false;
COMMENT ON VIEW sespan.mail_reason IS 'Row type of mail_why; why says reason and facts in English';

CREATE FUNCTION sespan.mail_why(message_id bigint) RETURNS SETOF sespan.mail_reason
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
    SELECT q.queue_id, q.message_id, q.recipient, q.state, r.reason, r.facts, sespan.mail_sentence(r.reason, r.facts),
           CASE WHEN q.state IN ('queued', 'scheduled', 'retry') THEN nullif(q.due_at, 'infinity') END, q.attempts, q.last_code, q.last_reply, NULL::timestamptz
    FROM sespan.mail_queue q CROSS JOIN LATERAL sespan.mail_reason_queued(q) r
    WHERE q.queue_id BETWEEN sespan.mail_first_queue_id(mail_why.message_id) AND sespan.mail_first_queue_id(mail_why.message_id) + 1023
    UNION ALL
    SELECT o.queue_id, o.message_id, o.recipient, o.state, r.reason, r.facts, sespan.mail_sentence(r.reason, r.facts), NULL, o.attempts, o.code, o.reply, o.finished_at
    FROM sespan.mail_outcome o CROSS JOIN LATERAL sespan.mail_reason_finished(o) r
    WHERE o.queue_id BETWEEN sespan.mail_first_queue_id(mail_why.message_id) AND sespan.mail_first_queue_id(mail_why.message_id) + 1023
    ORDER BY 1
$$;
COMMENT ON FUNCTION sespan.mail_why(bigint) IS 'For each recipient of a message: where it stands, why, and when it is tried next; no row for an unknown id';

CREATE VIEW sespan.mail_stuck AS
SELECT s.kind, s.queue_id, s.message_id, s.recipient, s.state, s.since, s.reason, s.facts, sespan.mail_sentence(s.reason, s.facts) AS why
FROM (SELECT CASE q.state WHEN 'unknown' THEN 'undecided' WHEN 'sending' THEN 'abandoned' ELSE CASE WHEN q.parked IS NULL THEN 'overdue' ELSE 'parked' END END AS kind,
             q.queue_id, q.message_id, q.recipient, q.state,
             CASE WHEN q.state = 'sending' THEN q.leased_until WHEN q.state = 'unknown' THEN q.tried_at WHEN q.parked IS NOT NULL THEN q.created_at ELSE q.due_at END AS since,
             CASE q.state WHEN 'unknown' THEN 'undecided' WHEN 'sending' THEN 'abandoned' ELSE CASE WHEN q.parked IS NULL THEN 'overdue' ELSE 'paused' END END AS reason,
             jsonb_strip_nulls(jsonb_build_object('failure', q.last_reason, 'code', q.last_code, 'reply', q.last_reply)
                 || CASE WHEN q.state = 'sending' THEN jsonb_build_object('leased_until', q.leased_until)
                         WHEN q.state = 'unknown' THEN jsonb_build_object('tried_at', q.tried_at)
                         WHEN q.parked IS NOT NULL THEN jsonb_build_object('pause', q.parked) ELSE jsonb_build_object('due_at', q.due_at) END) AS facts
      FROM (SELECT * FROM sespan.mail_queue x
            WHERE x.state = 'unknown' OR x.state = 'sending' AND x.leased_until < now() - interval '1 minute'
                OR x.state IN ('queued', 'scheduled', 'retry') AND x.due_at < now() - interval '5 minutes'
                OR x.parked IS NOT NULL AND x.created_at < now() - interval '1 day'
            ORDER BY x.due_at, x.queue_id
            LIMIT 1000) q) s;
COMMENT ON VIEW sespan.mail_stuck IS
    'Mails that need a look, at most 1000: undecided (unknown), abandoned (lease over for a minute), overdue (due for five minutes), parked (held by a pause for a day). Reads the hot table once';

---- create above / drop below ----

DROP VIEW sespan.mail_stuck;
DROP FUNCTION sespan.mail_why(bigint), sespan.mail_reason_finished(sespan.mail_outcome), sespan.mail_reason_queued(sespan.mail_queue),
    sespan.mail_sentence(text, jsonb), sespan.mail_time(timestamptz), sespan.mail_reasons();
DROP VIEW sespan.mail_reason;
