-- Help for a customer who is not let in: why no mail arrives, and what a person of the
-- staff may do about it. The site changes its own row of the customer (address, active)
-- and enters that in the audit itself (audit_people); here is what the site's login may
-- not see or change otherwise. Nobody is shown a code.
--
-- The address key is made by the caller, who knows addresses beyond ASCII.

CREATE FUNCTION sespan.customer_help_budgets(address_key text) RETURNS TABLE (scope text, used bigint, most int, period interval, free_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Of each limit the times that it reaches back to; and of codes the wrong ones.
    SELECT l.scope, n.used, l.most, l.period, CASE WHEN n.used >= l.most THEN n.first_at + l.period END
    FROM sespan.budget_limit AS l
    JOIN sespan.budget AS b ON b.budget_key = sespan.budget_key(l.scope, customer_help_budgets.address_key)
    CROSS JOIN LATERAL (
        SELECT count(*) AS used, min(t.at) FILTER (WHERE t.nth <= greatest(l.most, 1)) AS first_at
        FROM (SELECT least(u.at, now()) AS at, row_number() OVER (ORDER BY u.at DESC) AS nth
              FROM unnest(b.used_at) AS u (at) WHERE least(u.at, now()) > now() - l.period) AS t
    ) AS n
    WHERE l.scope IN ('mails_address', 'mails_browser', 'guesses_address', 'guesses_browser') AND n.used > 0
    UNION ALL
    SELECT CASE WHEN k.known THEN 'codes_browser' ELSE 'codes_address' END, n.used, 10, interval '1 hour', CASE WHEN n.used >= 10 THEN n.first_at + interval '1 hour' END
    FROM (VALUES ('registration', false), ('registration', true), ('login', false), ('login', true)) AS k (purpose, known)
    JOIN sespan.otp_budget AS b ON b.budget_key = sespan.otp_budget_key(customer_help_budgets.address_key, k.purpose, k.known)
    CROSS JOIN LATERAL (
        SELECT count(*) AS used, min(t.at) FILTER (WHERE t.nth <= 10) AS first_at
        FROM (SELECT least(u.at, now()) AS at, row_number() OVER (ORDER BY u.at DESC) AS nth
              FROM unnest(b.wrong_at) AS u (at) WHERE least(u.at, now()) > now() - interval '1 hour') AS t
    ) AS n
    WHERE n.used > 0
$$;
COMMENT ON FUNCTION sespan.customer_help_budgets(text) IS
    'What an address has used up of each of its limits: mails, guesses of a password, and wrong codes (codes_…, of 10 an hour); free_at where nothing is left. A part of customer_help';

-- Two ways to the codes, each by an index: the customer, and the budgets of the address,
-- for an address without a customer (a registration to come, a decoy). Their mails by their
-- numbers. Five milliseconds at a million codes and mails (internal/postgres/customer_help_plan_test.go).
CREATE FUNCTION sespan.customer_help_codes(customer_id bigint, address_key text) RETURNS TABLE (
    otp_id bigint, purpose text, status text, created_at timestamptz, valid_until timestamptz, decoy boolean, same_address boolean, wrong_guesses smallint,
    message_id bigint, mail_state text, mail_reason text, mail_facts jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
    SELECT o.otp_id, o.purpose, CASE WHEN o.status = 'pending' AND o.valid_until <= now() THEN 'expired' ELSE o.status END, o.created_at, o.valid_until,
           c.decoy, c.address_key = customer_help_codes.address_key, c.wrong_guesses, o.message_id, w.state, w.reason, w.facts
    FROM (
        SELECT x.otp_id FROM sespan.otp AS x WHERE x.customer_id = customer_help_codes.customer_id
        UNION
        SELECT x.otp_id FROM unnest(ARRAY['registration', 'login']) AS p (purpose) CROSS JOIN unnest(ARRAY[false, true]) AS k (known)
        CROSS JOIN LATERAL (
            SELECT y.challenge_id FROM sespan.otp_challenge AS y
            WHERE y.budget_key = sespan.otp_budget_key(customer_help_codes.address_key, p.purpose, k.known) AND y.customer_id IS NULL
            ORDER BY y.created_at DESC LIMIT 5) AS y
        JOIN sespan.otp AS x ON x.challenge_id = y.challenge_id
        ORDER BY otp_id DESC LIMIT 5
    ) AS newest
    JOIN sespan.otp AS o ON o.otp_id = newest.otp_id
    JOIN sespan.otp_challenge AS c ON c.challenge_id = o.challenge_id
    LEFT JOIN LATERAL sespan.mail_why(o.message_id) AS w ON o.message_id IS NOT NULL
    ORDER BY o.otp_id DESC
$$;
COMMENT ON FUNCTION sespan.customer_help_codes(bigint, text) IS
    'The five newest codes of a customer or an address, newest first, and where the mail of each is: reason and facts as of mail_why. Never the code. A part of customer_help';

CREATE FUNCTION sespan.customer_help(customer_id bigint, address_key text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who CONSTANT text := sespan.customer_subject(customer_help.customer_id, ARRAY[customer_help.address_key]);
BEGIN
    IF who IS NULL OR octet_length(customer_help.address_key) > 1000 THEN
        RAISE EXCEPTION 'customer_id, address_key: one of them must be given' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM sespan.audit_add('read', 'customer', who, detail => 'why no mail arrives');
    RETURN jsonb_build_object(
        'at', now(),
        'right', sespan.otp_right(customer_help.customer_id),
        'codes', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'otp_id' ORDER BY c.otp_id DESC), '[]')
                  FROM sespan.customer_help_codes(customer_help.customer_id, customer_help.address_key) AS c),
        'budgets', (SELECT coalesce(jsonb_agg(to_jsonb(b) - 'period' || jsonb_build_object('seconds', extract(epoch FROM b.period)::int) ORDER BY b.scope, b.period), '[]')
                    FROM sespan.customer_help_budgets(customer_help.address_key) AS b),
        'suppressions', (SELECT coalesce(jsonb_agg(jsonb_build_object('scope', s.scope, 'reason', s.reason, 'since', s.created_at, 'until', s.expires_at,
                                                                      'source', s.source, 'detail', s.detail) ORDER BY s.scope), '[]')
                         FROM sespan.mail_suppression AS s
                         WHERE s.address IN (customer_help.address_key, sespan.address_erased(customer_help.address_key))
                           AND (s.expires_at IS NULL OR s.expires_at > now())),
        'site', (SELECT jsonb_build_object('most', l.most, 'used', (SELECT coalesce(sum(d.used), 0) FROM sespan.budget_site AS d WHERE d.day = sespan.budget_today()))
                 FROM sespan.budget_limit AS l WHERE l.scope = 'mails_site'));
END
$$;
COMMENT ON FUNCTION sespan.customer_help(bigint, text) IS
    'Why a customer, or an address (its key), gets no mail: the right to be activated, the newest codes and where their mails are, budgets, suppressions and the site''s ceiling, as one object. Leaves a row in the audit (read). 22023 names a bad parameter';

-- Lock order as everywhere: the budgets of codes, then those of mails and guesses, each in
-- the order of their keys.
CREATE FUNCTION sespan.customer_help_reset(customer_id bigint, address_key text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_codes CONSTANT bytea[] := ARRAY(
        SELECT sespan.otp_budget_key(customer_help_reset.address_key, p.purpose, k.known)
        FROM unnest(ARRAY['registration', 'login']) AS p (purpose) CROSS JOIN unnest(ARRAY[false, true]) AS k (known));
    of_mails CONSTANT bytea[] := ARRAY(
        SELECT sespan.budget_key(s.scope, customer_help_reset.address_key)
        FROM unnest(ARRAY['mails_address', 'mails_browser', 'guesses_address', 'guesses_browser']) AS s (scope));
    given_back int;
    more int;
BEGIN
    IF customer_help_reset.address_key IS NULL THEN
        RAISE EXCEPTION 'address_key: must be given' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM sespan.otp_budget AS b WHERE b.budget_key = ANY (of_codes) ORDER BY b.budget_key FOR UPDATE;
    SELECT coalesce(sum(cardinality(b.wrong_at)), 0) INTO given_back FROM sespan.otp_budget AS b WHERE b.budget_key = ANY (of_codes);
    UPDATE sespan.otp_budget AS b SET wrong_at = '{}' WHERE b.budget_key = ANY (of_codes) AND b.wrong_at <> '{}';
    PERFORM FROM sespan.budget AS b WHERE b.budget_key = ANY (of_mails) ORDER BY b.budget_key FOR UPDATE;
    SELECT coalesce(sum(cardinality(b.used_at)), 0) INTO more FROM sespan.budget AS b WHERE b.budget_key = ANY (of_mails);
    UPDATE sespan.budget AS b SET used_at = '{}' WHERE b.budget_key = ANY (of_mails) AND b.used_at <> '{}';
    given_back := given_back + more;
    IF given_back > 0 THEN
        PERFORM sespan.audit_add('reset', 'customer', sespan.customer_subject(customer_help_reset.customer_id, ARRAY[customer_help_reset.address_key]),
                                 detail => 'budgets of the address: ' || given_back || ' uses given back');
    END IF;
    RETURN given_back;
END
$$;
COMMENT ON FUNCTION sespan.customer_help_reset(bigint, text) IS
    'Gives an address (its key) back what it has used up: mails, guesses of a password and wrong codes, not those of a visitor''s network. Returns how many uses, and leaves a row in the audit (reset) where there were any';

-- For the site, in its own transaction and before it locks the customer: as otp_supersede,
-- but of every purpose. The mails that still wait are taken out of the queue: they would go
-- to the address that was wrong.
CREATE FUNCTION sespan.customer_help_end_codes(customer_id bigint) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended uuid[];
    mails bigint[];
BEGIN
    PERFORM FROM sespan.otp_budget AS b
    WHERE b.budget_key IN (
        SELECT c.budget_key FROM sespan.otp AS o JOIN sespan.otp_challenge AS c ON c.challenge_id = o.challenge_id
        WHERE o.customer_id = customer_help_end_codes.customer_id AND c.status = 'pending')
    ORDER BY b.budget_key FOR UPDATE;
    -- Only a later snapshot sees what was committed while the budgets were awaited.
    PERFORM FROM sespan.otp AS o WHERE o.customer_id = customer_help_end_codes.customer_id AND o.status = 'pending' ORDER BY o.otp_id FOR UPDATE;
    WITH gone AS (
        UPDATE sespan.otp_challenge AS c SET status = 'superseded', sealed_data = NULL
        WHERE c.status = 'pending' AND c.challenge_id IN (SELECT o.challenge_id FROM sespan.otp AS o WHERE o.customer_id = customer_help_end_codes.customer_id)
        RETURNING c.challenge_id)
    SELECT coalesce(array_agg(g.challenge_id), '{}') INTO ended FROM gone AS g;
    WITH codes AS (
        UPDATE sespan.otp AS o SET status = 'superseded' WHERE o.challenge_id = ANY (ended) AND o.status = 'pending' RETURNING o.message_id)
    SELECT array_agg(DISTINCT k.message_id ORDER BY k.message_id) INTO mails FROM codes AS k
    WHERE EXISTS (SELECT FROM sespan.mail_queue AS q
                  WHERE q.queue_id BETWEEN sespan.mail_first_queue_id(k.message_id) AND sespan.mail_first_queue_id(k.message_id) + 1023);
    IF mails IS NOT NULL THEN
        PERFORM sespan.mail_cancel(mails);
    END IF;
    RETURN cardinality(ended);
END
$$;
COMMENT ON FUNCTION sespan.customer_help_end_codes(bigint) IS
    'For the site, before it corrects a customer''s address in the same transaction: supersedes the customer''s challenges, whatever their purpose, and cancels their mails that still wait. Returns how many challenges. Locks budgets, codes and challenges until the transaction ends';

---- create above / drop below ----

DROP FUNCTION sespan.customer_help_end_codes(bigint), sespan.customer_help_reset(bigint, text), sespan.customer_help(bigint, text),
    sespan.customer_help_codes(bigint, text), sespan.customer_help_budgets(text);
