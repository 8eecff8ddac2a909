-- What is held about a person: given out here (customer_export) and taken out in the next
-- file (customer_erase), each in steps of a bounded number of rows, so that no lock is
-- held for long and no answer is large. A step answers where the next one begins; the first
-- leaves a row in the audit. docs/personal-data.md says what stays and why.
--
-- The site's own table is read by whoever calls these (customer_by_id), because the
-- owner of this schema may not: they take the person's addresses as a parameter.

-- Whom an entry of the audit means: the number, or for who has none a hash of the address.
CREATE FUNCTION sespan.customer_subject(customer_id bigint, addresses text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(customer_id::text, sespan.address_erased(addresses[1])) $$;
COMMENT ON FUNCTION sespan.customer_subject(bigint, text[]) IS 'The subject_id of a person in the audit: never an address';

CREATE FUNCTION sespan.customer_addresses(addresses text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(addresses) > 20 OR EXISTS (SELECT FROM unnest(addresses) a WHERE a IS NULL OR octet_length(a) NOT BETWEEN 3 AND 1000) THEN
        RAISE EXCEPTION 'addresses: must be at most 20 addresses' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN ARRAY(SELECT DISTINCT lower(btrim(a) COLLATE "C") FROM unnest(addresses) a ORDER BY 1);
END
$$;
COMMENT ON FUNCTION sespan.customer_addresses(text[]) IS 'The addresses as they compare here, in lower case; beyond ASCII the caller gives the address key, too, and each spelling that was written to';

-- An entry for the first step; a later one must follow its entry, so that nobody begins
-- in the middle without one.
CREATE FUNCTION sespan.customer_data_asked(action text, subject_id text, next text, portion int) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF subject_id IS NULL THEN
        RAISE EXCEPTION 'customer_id, addresses: one of them must be given' USING ERRCODE = 'invalid_parameter_value';
    ELSIF portion IS NULL OR portion NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'portion: must be 1 to 10000' USING ERRCODE = 'invalid_parameter_value';
    ELSIF next IS NULL THEN
        PERFORM sespan.audit_add(customer_data_asked.action, 'customer', customer_data_asked.subject_id);
    ELSIF NOT EXISTS (SELECT FROM sespan.audit a WHERE a.subject = 'customer' AND a.subject_id = customer_data_asked.subject_id
                      AND a.action = customer_data_asked.action AND a.login = session_user AND a.at > now() - interval '1 day') THEN
        RAISE EXCEPTION 'next: begin without it' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.customer_data_asked(text, text, text, int) IS 'Enters an export or erasure in the audit, or checks that it was entered; 22023 names a bad parameter';

CREATE FUNCTION sespan.customer_known(customer_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM sespan.otp o WHERE o.customer_id = customer_known.customer_id)
        OR EXISTS (SELECT FROM sespan.otp_activation a WHERE a.customer_id = customer_known.customer_id)
        OR EXISTS (SELECT FROM sespan.transaction_log l WHERE l.customer_id = customer_known.customer_id)
        OR EXISTS (SELECT FROM sespan.api_log l WHERE l.customer_id = customer_known.customer_id)
        OR EXISTS (SELECT FROM sespan.api_key k WHERE k.owner_id = customer_known.customer_id::text)
        OR EXISTS (SELECT FROM sespan.people_role p WHERE p.person_id = customer_known.customer_id::text)
        OR EXISTS (SELECT FROM sespan.audit a WHERE a.subject IN ('customer', 'user', 'activation') AND a.subject_id = customer_known.customer_id::text)
$$;
COMMENT ON FUNCTION sespan.customer_known(bigint) IS 'Whether anything here speaks of this customer, who may be gone from the site''s table. One probe of an index for each table (and day)';

-- The challenges of addresses that no customer has, or this one: by their budgets.
CREATE FUNCTION sespan.customer_challenges(customer_id bigint, keys text[]) RETURNS TABLE (challenge_id uuid, budget_key bytea)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.challenge_id, c.budget_key FROM sespan.otp o JOIN sespan.otp_challenge c ON c.challenge_id = o.challenge_id
    WHERE o.customer_id = customer_challenges.customer_id
    UNION
    SELECT c.challenge_id, c.budget_key
    FROM unnest(keys) k
    CROSS JOIN (VALUES ('registration', false), ('registration', true), ('login', false), ('login', true)) p (purpose, known)
    JOIN sespan.otp_challenge c ON c.budget_key = sespan.otp_budget_key(k, p.purpose, p.known) AND c.address_key = k
    WHERE c.customer_id IS NULL OR c.customer_id = customer_challenges.customer_id
$$;
COMMENT ON FUNCTION sespan.customer_challenges(bigint, text[]) IS 'Challenges of a customer, and those of addresses that name no other customer';

-- The day after which a walk over the days of mails goes on: today first, then back, at
-- last what is older than the retention, which lives in the default partition.
CREATE FUNCTION sespan.customer_mail_days(after text, OUT day text, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cutoff CONSTANT timestamptz := sespan.mail_cutoff();
BEGIN
    IF after = 'old' THEN
        RETURN;
    END IF;
    until := CASE WHEN after = 'today' THEN date_trunc('day', now(), 'UTC') + interval '24 hours' ELSE to_date(after, 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' END;
    IF until <= cutoff THEN
        day := 'old';
        since := '-infinity';
    ELSE
        since := until - interval '24 hours';
        day := to_char(since AT TIME ZONE 'UTC', 'YYYYMMDD');
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.customer_mail_days(text) IS 'The next range of created_at after a day (YYYYMMDD; today for the first), named day or old; NULL at the end';

-- Reads a day of outcomes as it lies there: who was written to has no index, which each
-- mail would pay for. Mails of codes are found by their ids.
CREATE FUNCTION sespan.customer_outcomes(keys text[], since timestamptz, until timestamptz, portion int) RETURNS SETOF sespan.mail_outcome
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM sespan.mail_outcome o
    WHERE o.created_at >= since AND o.created_at < until AND lower(o.recipient COLLATE "C") = ANY (keys) LIMIT portion
$$;
COMMENT ON FUNCTION sespan.customer_outcomes(text[], timestamptz, timestamptz, int) IS 'Outcomes of mails to these addresses in a range of created_at; reads its partitions whole';

CREATE FUNCTION sespan.customer_code_mails(customer_id bigint, keys text[]) RETURNS TABLE (message_id bigint, created_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.message_id, o.created_at FROM sespan.customer_challenges(customer_code_mails.customer_id, keys) h
    JOIN sespan.otp o ON o.challenge_id = h.challenge_id WHERE o.message_id IS NOT NULL
$$;
COMMENT ON FUNCTION sespan.customer_code_mails(bigint, text[]) IS 'The mails of a person''s codes, whatever address they went to; created_at is that of the mail';

CREATE FUNCTION sespan.customer_export_codes(customer_id bigint, keys text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(to_jsonb(x) ORDER BY x.otp_id)
    FROM (SELECT o.otp_id, o.challenge_id, o.purpose, o.email, o.created_at, o.valid_until, o.status, o.message_id, c.status AS challenge_status,
                 c.verified_at, c.wrong_guesses, c.known_browser, c.locale, c.sealed_data IS NOT NULL AS form_data_kept
          FROM sespan.customer_challenges(customer_export_codes.customer_id, keys) h
          JOIN sespan.otp_challenge c ON c.challenge_id = h.challenge_id
          JOIN sespan.otp o ON o.challenge_id = h.challenge_id
          LIMIT 100000) x
$$;
COMMENT ON FUNCTION sespan.customer_export_codes(bigint, text[]) IS 'Codes of a person, never the code nor its hash';

-- In the order of the index of a customer, which a page goes on in.
CREATE FUNCTION sespan.customer_export_draws(customer_id bigint, after jsonb, portion int) RETURNS TABLE (item jsonb, place jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_jsonb(l) - '{draw_version,budget_since}'::text[]
               || jsonb_build_object('transaction_amount', l.transaction_amount::text, 'discounted_amount', l.discounted_amount::text,
                                     'draw_number', l.draw_number::text, 'draw_threshold', l.draw_threshold::text),
           jsonb_build_array(COALESCE(l.tier_id, 0), l.discounted::int, l.transaction_time, l.transaction_id)
    FROM sespan.transaction_log l
    WHERE l.customer_id = customer_export_draws.customer_id
        AND (COALESCE(l.tier_id, 0), (l.discounted::int), l.transaction_time) >= ((after ->> 0)::bigint, (after ->> 1)::int, (after ->> 2)::timestamptz)
        AND (COALESCE(l.tier_id, 0), (l.discounted::int), l.transaction_time, l.transaction_id)
            > ((after ->> 0)::bigint, (after ->> 1)::int, (after ->> 2)::timestamptz, (after ->> 3)::bigint)
    ORDER BY COALESCE(l.tier_id, 0), (l.discounted::int), l.transaction_time, l.transaction_id LIMIT portion
$$;
COMMENT ON FUNCTION sespan.customer_export_draws(bigint, jsonb, int) IS 'A page of a customer''s draws after a place, and the place of each';

CREATE FUNCTION sespan.customer_export_calls(customer_id bigint, before jsonb, portion int) RETURNS TABLE (item jsonb, place jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_jsonb(l) || jsonb_build_object('request_body', b.request_body, 'response_body', b.response_body), jsonb_build_array(l.time_requested, l.response_id)
    FROM (SELECT x.* FROM sespan.api_log x
          WHERE x.customer_id = customer_export_calls.customer_id AND x.time_requested <= (before ->> 0)::timestamptz
              AND (x.time_requested, x.response_id) < ((before ->> 0)::timestamptz, (before ->> 1)::uuid)
          ORDER BY x.time_requested DESC, x.response_id DESC LIMIT portion) l
    LEFT JOIN LATERAL (SELECT d.request_body, d.response_body FROM sespan.api_log_body d
                       WHERE d.time_requested = l.time_requested AND d.response_id = l.response_id LIMIT 1) b ON true
$$;
COMMENT ON FUNCTION sespan.customer_export_calls(bigint, jsonb, int) IS 'A page of the rows of the API log about a customer, newest first, before a place, and the place of each';

CREATE FUNCTION sespan.customer_export_mail(id bigint, day timestamptz, recipient text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('message_id', id, 'recipient', recipient, 'created_at', day, 'state', r.state, 'finished_at', r.finished_at, 'attempts', r.attempts,
        'reason', r.reason, 'reply', r.reply, 'category', m.category, 'sender', m.sender, 'subject', m.subject, 'body_text', left(m.body_text, 100000),
        'body_html', left(m.body_html, 100000), 'wiped_at', m.wiped_at)
    FROM sespan.mail_recipient r LEFT JOIN sespan.mail_message m ON m.message_id = id AND m.created_at = day
    WHERE r.queue_id BETWEEN id * 1024 AND id * 1024 + 1023 AND r.created_at = day AND r.recipient = customer_export_mail.recipient LIMIT 1
$$;
COMMENT ON FUNCTION sespan.customer_export_mail(bigint, timestamptz, text) IS 'What is kept of one mail to a recipient; never a sealed body';

CREATE FUNCTION sespan.customer_export_mails(customer_id bigint, keys text[], after text, OUT items jsonb, OUT day text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    d record;
BEGIN
    day := 'today';
    IF after = '' THEN
        items := (SELECT jsonb_agg(sespan.customer_export_mail(x.message_id, x.created_at, x.recipient) ORDER BY x.message_id)
                  FROM (SELECT r.message_id, r.created_at, r.recipient FROM sespan.customer_code_mails(customer_export_mails.customer_id, keys) c
                        CROSS JOIN LATERAL (SELECT * FROM sespan.mail_recipient y WHERE y.queue_id BETWEEN c.message_id * 1024 AND c.message_id * 1024 + 1023
                                            AND y.created_at = c.created_at) r
                        UNION
                        SELECT q.message_id, q.created_at, q.recipient FROM sespan.mail_queue q WHERE lower(q.recipient COLLATE "C") = ANY (keys)) x);
        RETURN;
    END IF;
    LOOP
        SELECT * INTO d FROM sespan.customer_mail_days(after);
        day := d.day;
        EXIT WHEN day IS NULL;
        items := (SELECT jsonb_agg(sespan.customer_export_mail(x.message_id, x.created_at, x.recipient) ORDER BY x.message_id)
                  FROM sespan.customer_outcomes(keys, d.since, d.until, 100000) x
                  WHERE x.message_id NOT IN (SELECT c.message_id FROM sespan.customer_code_mails(customer_export_mails.customer_id, keys) c));
        EXIT WHEN items IS NOT NULL OR clock_timestamp() > began + interval '1 s';
        after := day;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.customer_export_mails(bigint, text[], text) IS
    'First the mails of codes and those in the queue, then days back from today, for a second or until some are found; day: where to go on, NULL at the end';

CREATE FUNCTION sespan.customer_export_rest(section text, subject text, customer_id bigint, keys text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(x.item) FROM (
        SELECT to_jsonb(a) AS item FROM sespan.otp_activation a WHERE section = 'activation' AND a.customer_id = customer_export_rest.customer_id
        UNION ALL
        SELECT to_jsonb(s) FROM sespan.mail_suppression s
        WHERE section = 'suppressions' AND s.address IN (SELECT v FROM unnest(keys) k CROSS JOIN LATERAL (VALUES (k), (sespan.address_erased(k))) e (v))
        UNION ALL
        SELECT to_jsonb(e) FROM sespan.mail_event e WHERE section = 'mail_events' AND lower(e.recipient COLLATE "C") = ANY (keys)
        UNION ALL
        SELECT to_jsonb(k) - 'secret_hash' FROM sespan.api_key k WHERE section = 'keys' AND k.owner_id = customer_export_rest.customer_id::text
        UNION ALL
        SELECT to_jsonb(p) FROM sespan.people_role p WHERE section = 'roles' AND p.person_id = customer_export_rest.customer_id::text
        UNION ALL
        SELECT * FROM (SELECT to_jsonb(a) FROM sespan.audit a
                       WHERE section = 'audit' AND (a.subject IN ('customer', 'user', 'role', 'activation') AND a.subject_id = customer_export_rest.subject
                                                    OR a.subject = 'address' AND a.subject_id = ANY (keys))
                       ORDER BY a.audit_id DESC LIMIT 10000) u
        LIMIT 100000) x
$$;
COMMENT ON FUNCTION sespan.customer_export_rest(text, text, bigint, text[]) IS 'The rows of a section that has few';

-- No lock but that of reading; the rows of one step.
CREATE FUNCTION sespan.customer_export(customer_id bigint DEFAULT NULL, addresses text[] DEFAULT '{}', next text DEFAULT NULL, portion int DEFAULT 1000,
                                       OUT section text, OUT items jsonb, OUT next_step text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    keys CONSTANT text[] := sespan.customer_addresses(addresses);
    subject CONSTANT text := sespan.customer_subject(customer_id, keys);
    sections CONSTANT text[] := '{codes,activation,draws,calls,mails,mail_events,suppressions,roles,keys,audit}';
    place text := coalesce(substring(next FROM ':(.*)$'), '');
BEGIN
    PERFORM sespan.customer_data_asked('export', subject, next, portion);
    section := coalesce(split_part(next, ':', 1), sections[1]);
    CASE section
    WHEN 'codes' THEN
        items := sespan.customer_export_codes(customer_export.customer_id, keys);
        place := '';
    WHEN 'draws' THEN
        SELECT jsonb_agg(d.item), (jsonb_agg(d.place) -> (portion - 1))::text INTO items, place FROM sespan.customer_export_draws(
            customer_export.customer_id, coalesce(nullif(place, ''), '[0, -1, "-infinity", 0]')::jsonb, portion) d;
    WHEN 'calls' THEN
        SELECT jsonb_agg(c.item), (jsonb_agg(c.place) -> (portion - 1))::text INTO items, place FROM sespan.customer_export_calls(
            customer_export.customer_id, coalesce(nullif(place, ''), '["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff"]')::jsonb, portion) c;
    WHEN 'mails' THEN
        SELECT m.items, CASE WHEN cardinality(keys) > 0 THEN m.day END INTO items, place FROM sespan.customer_export_mails(customer_export.customer_id, keys, place) m;
    ELSE
        items := sespan.customer_export_rest(section, subject, customer_export.customer_id, keys);
        place := '';
    END CASE;
    items := coalesce(items, '[]');
    next_step := coalesce(section || ':' || nullif(place, ''), sections[array_position(sections, section) + 1] || ':');
END
$$;
COMMENT ON FUNCTION sespan.customer_export(bigint, text[], text, int) IS
    'One step of what is held about a person, by number, addresses (beyond ASCII: the key, too) or both: a section, its items, and what next is for the step after it, NULL at the end. The first step (next NULL) leaves a row in the audit';

---- create above / drop below ----

DROP FUNCTION sespan.customer_export(bigint, text[], text, int), sespan.customer_export_rest(text, text, bigint, text[]), sespan.customer_export_mails(bigint, text[], text),
    sespan.customer_export_mail(bigint, timestamptz, text), sespan.customer_export_calls(bigint, jsonb, int), sespan.customer_export_draws(bigint, jsonb, int),
    sespan.customer_export_codes(bigint, text[]), sespan.customer_code_mails(bigint, text[]), sespan.customer_outcomes(text[], timestamptz, timestamptz, int),
    sespan.customer_mail_days(text), sespan.customer_challenges(bigint, text[]), sespan.customer_known(bigint),
    sespan.customer_data_asked(text, text, text, int), sespan.customer_addresses(text[]), sespan.customer_subject(bigint, text[]);
