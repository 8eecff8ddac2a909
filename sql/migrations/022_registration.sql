-- Registration, as the site takes part in it: which customers may still be
-- activated, and what a newer registration of the same customer replaces.
--
-- Lock order, as for everything about codes: budget, challenge, codes by id, right
-- to activate, customer. otp_register takes the first four and holds them until
-- the site's transaction ends; the site then locks its customer. A verification
-- waits for it or is waited for, so that its code is either used up before, and
-- the answer is "ended", or superseded. Where the site has locked its customer
-- already, a verification that is under way gives way: it never waits for that row.

-- Whoever may set is_active in the site's table needs no right to activate, so
-- what such a login says of a customer is believed: the owner of this schema may
-- not read the site's table.
CREATE FUNCTION sespan.otp_register_authorize() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM sespan.customer_binding AS b
        JOIN pg_namespace AS n ON n.nspname = b.table_schema
        JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = b.table_name
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
            AND a.attname = CASE WHEN b.columns ? 'is_active' AND NOT b.columns -> 'is_active' ? 'table'
                                 THEN b.columns #>> '{is_active,column}' ELSE b.columns #>> '{customer_id,column}' END
        WHERE has_column_privilege(session_user, c.oid, a.attnum, 'UPDATE')
    ) THEN
        RAISE EXCEPTION 'permission denied: % may not set is_active of the bound customers', session_user USING ERRCODE = '42501';
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.otp_register_authorize() IS 'Raises 42501 unless the login may itself set is_active of the bound customers (or, where there is none, change them). A part of otp_register';

-- The budgets come in the order of their keys, so that two of these cannot wait for
-- each other; whoever issues, resends or verifies holds one of them alone.
CREATE FUNCTION sespan.otp_register_replace(customer_id bigint, email text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM sespan.otp_register_authorize();
    INSERT INTO sespan.otp_budget (budget_key)
    SELECT k.budget_key FROM (
        SELECT sespan.otp_budget_key(sespan.address_key(otp_register_replace.email), 'registration', b.known) AS budget_key
        FROM (VALUES (false), (true)) AS b (known)
        WHERE sespan.address_key(otp_register_replace.email) <> ''
        UNION
        SELECT c.budget_key FROM sespan.otp AS o JOIN sespan.otp_challenge AS c ON c.challenge_id = o.challenge_id
        WHERE o.customer_id = otp_register_replace.customer_id AND o.purpose = 'registration' AND c.status = 'pending'
    ) AS k
    ORDER BY k.budget_key
    ON CONFLICT ON CONSTRAINT otp_budget_pkey DO UPDATE SET touched_at = now() WHERE false;

    -- Only a later snapshot sees what was committed while the budget was awaited. The
    -- codes come before their challenges here, as they do when a customer is deleted:
    -- nobody else gets this far without the budget.
    PERFORM FROM sespan.otp AS o
    WHERE o.customer_id = otp_register_replace.customer_id AND o.purpose = 'registration' ORDER BY o.otp_id FOR UPDATE;
    WITH replaced AS (
        UPDATE sespan.otp_challenge AS c SET status = 'superseded', sealed_data = NULL
        WHERE c.status = 'pending' AND c.challenge_id IN (
            SELECT o.challenge_id FROM sespan.otp AS o
            WHERE o.customer_id = otp_register_replace.customer_id AND o.purpose = 'registration')
        RETURNING c.challenge_id
    ), codes AS (
        UPDATE sespan.otp AS o SET status = 'superseded'
        FROM replaced AS r WHERE o.challenge_id = r.challenge_id AND o.status = 'pending'
    )
    SELECT count(*) INTO changed FROM replaced;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION sespan.otp_register_replace(bigint, text) IS
    'Supersedes the registration challenges of a customer under the locks of their budgets and of the address''s; returns how many. A part of otp_register';

CREATE FUNCTION sespan.otp_register_right(customer_id bigint, is_active boolean, date_joined timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sespan.otp_register_authorize();
    IF otp_register_right.is_active IS DISTINCT FROM false THEN
        -- Somebody else made the customer active: a ban that comes later is for good.
        UPDATE sespan.otp_activation AS a SET revoked_at = now()
        WHERE a.customer_id = otp_register_right.customer_id AND a.used_at IS NULL AND a.revoked_at IS NULL;
        RETURN 'ended';
    END IF;
    IF otp_register_right.date_joined IS NULL OR otp_register_right.date_joined > now() - interval '24 hours' THEN
        INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES (otp_register_right.customer_id, now())
        ON CONFLICT ON CONSTRAINT otp_activation_pkey DO NOTHING;
        IF FOUND THEN
            RETURN 'granted';
        END IF;
    END IF;
    PERFORM FROM sespan.otp_activation AS a
    WHERE a.customer_id = otp_register_right.customer_id AND a.used_at IS NULL AND a.revoked_at IS NULL FOR UPDATE;
    RETURN CASE WHEN FOUND THEN 'live' ELSE 'ended' END;
EXCEPTION WHEN foreign_key_violation THEN
    RETURN 'ended'; -- deleted in between
END
$$;
COMMENT ON FUNCTION sespan.otp_register_right(bigint, boolean, timestamptz) IS
    'Grants the right to be activated to an inactive customer of the last 24 hours who never had one, and tells which there is; ends that of an active one. A part of otp_register';

-- Reads the customer as its caller, the site, and writes as the owner.
CREATE FUNCTION sespan.otp_register(customer_id bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen sespan.customer_row;
    known sespan.customer_row;
BEGIN
    LOOP
        BEGIN
            SELECT * INTO seen FROM sespan.customer_by_id(otp_register.customer_id);
        EXCEPTION WHEN undefined_table OR undefined_column OR undefined_function OR invalid_schema_name THEN
            RAISE EXCEPTION 'the binding is stale (%): run sespan bind-customers', SQLERRM USING ERRCODE = 'SP001';
        END;
        IF seen.customer_id IS NULL THEN
            RETURN 'ended';
        END IF;
        EXIT WHEN seen IS NOT DISTINCT FROM known;
        known := seen; -- the address may have changed while its lock was awaited
        PERFORM sespan.otp_register_replace(known.customer_id, known.email);
    END LOOP;
    RETURN sespan.otp_register_right(known.customer_id, known.is_active, known.date_joined);
END
$$;
COMMENT ON FUNCTION sespan.otp_register(bigint) IS
    'For the site, in its own transaction: right after the INSERT of a registering customer, and before the UPDATE by which a further registration replaces the data of an unverified one. '
    'Supersedes the customer''s registration challenges and grants the right to be activated where there never was one. '
    'granted, live (there is one, unused), or ended (used up, revoked, not to be had, or the customer is active or gone: replace nothing). '
    'Locks budget, challenges, codes and right until the transaction ends: call it before the customer''s row is locked. SP001 when no table is bound or the binding is stale';

CREATE FUNCTION sespan.otp_right(customer_id bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT CASE WHEN coalesce(a.used_at, a.revoked_at) IS NULL THEN 'live' ELSE 'ended' END
        FROM sespan.otp_activation AS a WHERE a.customer_id = otp_right.customer_id), 'none')
$$;
COMMENT ON FUNCTION sespan.otp_right(bigint) IS 'A customer''s right to be activated by a code: live, ended (used up or revoked) or none (never granted). Locks nothing';

-- By the primary key: a round through all portions reads the table once, a few
-- hundred milliseconds for a million customers, and nobody's registration pays for
-- an index of the unused ones.
CREATE FUNCTION sespan.otp_unused(before timestamptz, after_id bigint, portion int) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.customer_id FROM sespan.otp_activation AS a
    WHERE a.customer_id > otp_unused.after_id AND a.used_at IS NULL AND a.revoked_at IS NULL AND a.granted_at < otp_unused.before
    ORDER BY a.customer_id LIMIT otp_unused.portion
$$;
COMMENT ON FUNCTION sespan.otp_unused(timestamptz, bigint, int) IS
    'Customers whose right to be activated was granted before a time and is still unused, by ascending key, beginning after after_id, at most portion. They may have been activated otherwise since: the site looks itself';

---- create above / drop below ----

DROP FUNCTION sespan.otp_unused(timestamptz, bigint, int);
DROP FUNCTION sespan.otp_right(bigint);
DROP FUNCTION sespan.otp_register(bigint);
DROP FUNCTION sespan.otp_register_right(bigint, boolean, timestamptz);
DROP FUNCTION sespan.otp_register_replace(bigint, text);
DROP FUNCTION sespan.otp_register_authorize();
