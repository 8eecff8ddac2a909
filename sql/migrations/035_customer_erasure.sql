-- The erasure of a person. Locks: each step takes those of its rows, past rows that others hold, in the
-- order of those who work on them (queue or outcome, then message; budget, then codes).

-- The content of a finished message goes, unless it is dead for somebody else, who may yet
-- have it; of one that others wait for, the address goes now and the body with the last.
CREATE FUNCTION sespan.customer_erase_message(id bigint, day timestamptz, keys text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m record;
    wipe boolean;
BEGIN
    SELECT x.recipients = 1 AS alone, x.pending, x.dead INTO m FROM sespan.mail_message x WHERE x.message_id = id AND x.created_at = day FOR UPDATE;
    IF NOT FOUND OR m.alone AND m.pending > 0 THEN
        RETURN false;
    END IF;
    wipe := m.pending = 0 AND (m.alone OR m.dead = 0);
    UPDATE sespan.mail_message x
    SET to_addresses = ARRAY(SELECT a FROM unnest(x.to_addresses) a WHERE NOT m.alone AND lower(coalesce(substring(a FROM '<([^<>]*)>[[:space:]]*$'), a) COLLATE "C") <> ALL (keys)),
        cc_addresses = ARRAY(SELECT a FROM unnest(x.cc_addresses) a WHERE NOT m.alone AND lower(coalesce(substring(a FROM '<([^<>]*)>[[:space:]]*$'), a) COLLATE "C") <> ALL (keys)),
        subject = CASE WHEN wipe THEN '' ELSE x.subject END, reply_to = CASE WHEN NOT wipe THEN x.reply_to END, retain_body = false,
        wiped_at = CASE WHEN wipe THEN coalesce(x.wiped_at, now()) ELSE x.wiped_at END, wipe_at = CASE WHEN NOT wipe THEN x.wipe_at END,
        (body_text, body_html, headers, attachments, raw, sealed) = (SELECT x.body_text, x.body_html, x.headers, x.attachments, x.raw, x.sealed WHERE NOT wipe)
    WHERE x.message_id = id AND x.created_at = day;
    RETURN wipe;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_message(bigint, timestamptz, text[]) IS 'Wipes a message whose recipient is erased; true if its content went';

CREATE FUNCTION sespan.customer_erase_outcome(o sespan.mail_outcome, keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF o.state = 'dead' AND (sespan.mail_change_finished('cancel', o, NULL)).changed THEN -- nobody sends it again
        PERFORM sespan.mail_count(o.message_id, o.created_at, 0, 1, 0);
    END IF;
    UPDATE sespan.mail_outcome x SET recipient = 'erased', reply = CASE WHEN x.state = 'cancelled' THEN substring(x.reply FROM '^by [^;]*') END
    WHERE x.queue_id = o.queue_id AND x.created_at = o.created_at;
    PERFORM sespan.customer_erase_message(o.message_id, o.created_at, keys);
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_outcome(sespan.mail_outcome, text[]) IS 'Takes the address out of an outcome and its message';

CREATE FUNCTION sespan.customer_erase_queue(customer_id bigint, keys text[], portion int, OUT cancelled int, OUT sending int)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    q sespan.mail_queue;
BEGIN
    cancelled := 0;
    sending := 0;
    FOR q IN
        SELECT x.* FROM sespan.mail_queue x
        WHERE lower(x.recipient COLLATE "C") = ANY (keys)
            OR x.message_id = ANY (ARRAY(SELECT c.message_id FROM sespan.customer_code_mails(customer_erase_queue.customer_id, keys) c))
        ORDER BY x.queue_id LIMIT portion
    LOOP
        IF (sespan.mail_change_queued('cancel', q, NULL)).changed THEN
            cancelled := cancelled + 1;
            PERFORM sespan.mail_count(q.message_id, q.created_at, 1, 0, 0);
        ELSE
            sending := sending + 1;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_queue(bigint, text[], int) IS
    'Cancels what waits for these addresses, and the mails of these codes; sending: what a worker holds at this moment. Reads the queue, which is short, as it lies there';

CREATE FUNCTION sespan.customer_erase_mails(customer_id bigint, keys text[], after text, portion int, OUT erased int, OUT day text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    d record;
    o sespan.mail_outcome;
BEGIN
    erased := 0;
    IF after = '' THEN
        day := 'today';
        FOR o IN
            SELECT x.* FROM sespan.customer_code_mails(customer_erase_mails.customer_id, keys) c
            CROSS JOIN LATERAL (SELECT * FROM sespan.mail_outcome y WHERE y.queue_id BETWEEN c.message_id * 1024 AND c.message_id * 1024 + 1023
                                AND y.created_at = c.created_at AND y.recipient <> 'erased') x
            ORDER BY x.queue_id
        LOOP
            PERFORM sespan.customer_erase_outcome(o, keys);
            erased := erased + 1;
        END LOOP;
        RETURN;
    END IF;
    LOOP
        SELECT * INTO d FROM sespan.customer_mail_days(after);
        EXIT WHEN d.day IS NULL;
        FOR o IN SELECT * FROM sespan.customer_outcomes(keys, d.since, d.until, portion) x ORDER BY x.queue_id LOOP
            PERFORM sespan.customer_erase_outcome(o, keys);
            erased := erased + 1;
        END LOOP;
        day := CASE WHEN erased >= portion THEN after ELSE d.day END; -- the same day again
        EXIT WHEN erased > 0 OR clock_timestamp() > began + interval '1 s';
        after := d.day;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_mails(bigint, text[], text, int) IS
    'First the mails of codes, then days back from today, for a second or until some were found; day: where to go on, NULL at the end';

-- A suppression goes on to count under the hash of its address; of two, the longer one.
CREATE FUNCTION sespan.customer_erase_suppressions(keys text[]) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s sespan.mail_suppression;
    before timestamptz;
    changed int := 0;
BEGIN
    FOR s IN SELECT * FROM sespan.mail_suppression x WHERE x.address = ANY (keys) ORDER BY x.address, x.scope FOR UPDATE LOOP
        DELETE FROM sespan.mail_suppression x WHERE x.address = sespan.address_erased(s.address) AND x.scope = s.scope RETURNING coalesce(x.expires_at, 'infinity') INTO before;
        UPDATE sespan.mail_suppression x
        SET address = sespan.address_erased(s.address), message_id = NULL, detail = NULL,
            expires_at = CASE WHEN before IS NULL THEN x.expires_at ELSE nullif(greatest(coalesce(x.expires_at, 'infinity'), before), 'infinity') END
        WHERE x.address = s.address AND x.scope = s.scope;
        changed := changed + 1;
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_suppressions(text[]) IS 'Puts sespan.address_erased in the place of these addresses; returns how many rows';

CREATE FUNCTION sespan.customer_erase_events(keys text[], portion int) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed int;
BEGIN
    UPDATE sespan.mail_event e SET recipient = 'erased', detail = NULL
    WHERE e.ctid = ANY (ARRAY(SELECT x.ctid FROM sespan.mail_event x WHERE lower(x.recipient COLLATE "C") = ANY (keys) LIMIT portion FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_events(text[], int) IS 'Takes these addresses out of delivery events, whose ids stay: an event that comes again is known';

CREATE FUNCTION sespan.customer_erase_calls(customer_id bigint, portion int) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    times timestamptz[];
    ids uuid[];
BEGIN
    SELECT array_agg(l.time_requested), array_agg(l.response_id) INTO times, ids
    FROM (SELECT x.time_requested, x.response_id FROM sespan.api_log x WHERE x.customer_id = customer_erase_calls.customer_id
          ORDER BY x.time_requested DESC LIMIT portion FOR UPDATE SKIP LOCKED) l;
    DELETE FROM sespan.api_log_body b USING unnest(times, ids) g (time_requested, response_id)
    WHERE b.time_requested = g.time_requested AND b.response_id = g.response_id;
    UPDATE sespan.api_log l SET customer_id = NULL, ip = NULL, request_header = '{}', response_header = '{}'
    FROM unnest(times, ids) g (time_requested, response_id)
    WHERE l.time_requested = g.time_requested AND l.response_id = g.response_id;
    RETURN coalesce(cardinality(ids), 0);
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_calls(bigint, int) IS 'Takes customer, address, headers and bodies out of rows of the API log; type, status, outcome and times stay, which the counts stand on';

CREATE FUNCTION sespan.customer_erase_draws(customer_id bigint, portion int) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed int;
BEGIN
    UPDATE sespan.transaction_log l SET username = NULL
    WHERE l.transaction_id = ANY (ARRAY(SELECT x.transaction_id FROM sespan.transaction_log x
                                        WHERE x.customer_id = customer_erase_draws.customer_id AND x.username IS NOT NULL LIMIT portion FOR NO KEY UPDATE SKIP LOCKED));
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_draws(bigint, int) IS 'Takes the username out of draws, which stay';

CREATE FUNCTION sespan.customer_erase_keys(customer_id bigint) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed int;
BEGIN
    UPDATE sespan.api_key k SET revoked_at = coalesce(k.revoked_at, now()), owner_name = NULL
    WHERE k.owner_id = customer_erase_keys.customer_id::text AND (k.revoked_at IS NULL OR k.owner_name IS NOT NULL);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_keys(bigint) IS 'Revokes a person''s own service keys and takes the name out of them';

-- The locks of all budgets first: whoever issues or verifies one of these codes is waited
-- for, and finds the challenge gone afterwards.
CREATE FUNCTION sespan.customer_erase_codes(customer_id bigint, keys text[]) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed int;
BEGIN
    INSERT INTO sespan.otp_budget (budget_key)
    SELECT b.budget_key FROM (
        SELECT sespan.otp_budget_key(k, p.purpose, p.known) AS budget_key
        FROM unnest(keys) k CROSS JOIN (VALUES ('registration', false), ('registration', true), ('login', false), ('login', true)) p (purpose, known)
        UNION SELECT h.budget_key FROM sespan.customer_challenges(customer_erase_codes.customer_id, keys) h) b
    ORDER BY b.budget_key
    ON CONFLICT ON CONSTRAINT otp_budget_pkey DO UPDATE SET touched_at = now() WHERE false;
    DELETE FROM sespan.otp o WHERE o.challenge_id IN (SELECT h.challenge_id FROM sespan.customer_challenges(customer_erase_codes.customer_id, keys) h);
    GET DIAGNOSTICS changed = ROW_COUNT;
    DELETE FROM sespan.pretended_registration r WHERE r.address_hash IN (SELECT sespan.budget_key('pretended_address', k) FROM unnest(keys) k);
    RETURN changed;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase_codes(bigint, text[]) IS
    'Deletes the codes and challenges of a person, and what others have tried to register with the address; counts stay (sespan.stats_otp)';

CREATE FUNCTION sespan.customer_erase(customer_id bigint DEFAULT NULL, addresses text[] DEFAULT '{}', next text DEFAULT NULL, portion int DEFAULT 1000,
                                      OUT section text, OUT done jsonb, OUT next_step text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    id CONSTANT bigint := customer_id;
    keys CONSTANT text[] := sespan.customer_addresses(addresses);
    sections CONSTANT text[] := '{queue,mails,mail_events,suppressions,calls,draws,keys,codes,settle,late_calls,late_draws}';
    place text := coalesce(substring(next FROM ':(.*)$'), '');
    n int := 0;
    n_sending int;
    again boolean := false;
BEGIN
    PERFORM sespan.customer_data_asked('erase', sespan.customer_subject(id, keys), next, portion);
    section := coalesce(split_part(next, ':', 1), sections[1]);
    done := '{}';
    CASE section
    WHEN 'queue' THEN
        SELECT q.cancelled, q.sending INTO n, n_sending FROM sespan.customer_erase_queue(id, keys, portion) q;
        done := jsonb_build_object('sending', n_sending);
        again := n > 0 AND n + n_sending >= portion;
    WHEN 'mails' THEN
        SELECT m.erased, CASE WHEN cardinality(keys) > 0 THEN m.day END INTO n, place FROM sespan.customer_erase_mails(id, keys, place, portion) m;
        again := place IS NOT NULL;
    WHEN 'mail_events' THEN
        n := sespan.customer_erase_events(keys, portion);
        again := n >= portion;
    WHEN 'suppressions' THEN
        n := sespan.customer_erase_suppressions(keys);
    WHEN 'calls', 'late_calls' THEN
        n := sespan.customer_erase_calls(id, portion);
        again := n >= portion;
    WHEN 'draws', 'late_draws' THEN
        n := sespan.customer_erase_draws(id, portion);
        again := n >= portion;
    WHEN 'keys' THEN
        n := sespan.customer_erase_keys(id);
    WHEN 'codes' THEN
        n := sespan.customer_erase_codes(id, keys);
    WHEN 'settle' THEN -- draws and calls that were under way have their rows then
        place := coalesce(nullif(place, ''), clock_timestamp()::text);
        again := sespan.transaction_settled() < place::timestamptz;
        IF again THEN
            PERFORM pg_sleep(0.5);
        END IF;
    ELSE
        RAISE EXCEPTION 'next: is no step' USING ERRCODE = 'invalid_parameter_value';
    END CASE;
    done := done || CASE WHEN section = 'settle' THEN '{}' ELSE jsonb_build_object(CASE section WHEN 'queue' THEN 'cancelled' ELSE replace(section, 'late_', '') END, n) END;
    next_step := CASE WHEN again THEN section || ':' || place ELSE sections[array_position(sections, section) + 1] || ':' END;
END
$$;
COMMENT ON FUNCTION sespan.customer_erase(bigint, text[], text, int) IS
    'One step of an erasure, by number, addresses (beyond ASCII: the key, too) or both; each its own transaction. Answers a section, how many rows were changed, and what next is for the step after it, NULL at the end; sending: mails that a worker holds, for which it is to be run again. The first step (next NULL) leaves a row in the audit. Again it changes nothing';

---- create above / drop below ----

DROP FUNCTION sespan.customer_erase(bigint, text[], text, int), sespan.customer_erase_codes(bigint, text[]), sespan.customer_erase_keys(bigint),
    sespan.customer_erase_draws(bigint, int), sespan.customer_erase_calls(bigint, int), sespan.customer_erase_events(text[], int),
    sespan.customer_erase_suppressions(text[]), sespan.customer_erase_mails(bigint, text[], text, int), sespan.customer_erase_queue(bigint, text[], int),
    sespan.customer_erase_outcome(sespan.mail_outcome, text[]), sespan.customer_erase_message(bigint, timestamptz, text[]);
