-- Registration, as the site takes part in it: which customers may still be
-- activated, and what a newer registration of the same customer replaces.
--
-- A right is born with its customer: only otp_register grants it, in the transaction
-- that inserts the customer, and HTTP cannot. It dies with its use, with otp_revoke,
-- or as soon as the customer is active without it (otp_activated), so that a ban that
-- comes later holds.
--
-- Lock order, as for everything about codes: budget, challenge, codes by id, right
-- to activate, customer. otp_supersede takes the first three and holds them until
-- the site's transaction ends; the site then locks its customer. A verification
-- waits for it or is waited for, so that its code is either used up before, and
-- the answer is "ended", or superseded. Where the site has locked its customer
-- already, a verification that is under way gives way: it never waits for that row.

-- Whoever may set is_active in the site's table needs no right to activate, so
-- what such a login says of a customer is believed: the owner of this schema may
-- not read the site's table.
CREATE FUNCTION sespan.otp_register_authorize() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Within SECURITY DEFINER the caller is whom SET ROLE has made of the login (Django's
    -- assume_role), who alone has the rights where the login does not inherit them.
    caller CONSTANT name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF NOT EXISTS (
        SELECT FROM sespan.customer_binding AS b
        JOIN pg_namespace AS n ON n.nspname = b.table_schema
        JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = b.table_name
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
            AND a.attname = CASE WHEN b.columns ? 'is_active' AND NOT b.columns -> 'is_active' ? 'table'
                                 THEN b.columns #>> '{is_active,column}' ELSE b.columns #>> '{customer_id,column}' END
        WHERE has_column_privilege(caller, c.oid, a.attnum, 'UPDATE')
    ) THEN
        RAISE EXCEPTION 'permission denied: % may not set is_active of the bound customers', caller USING ERRCODE = '42501';
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.otp_register_authorize() IS 'Raises 42501 unless the login may itself set is_active of the bound customers (or, where there is none, change them). A part of otp_register and its siblings';

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
    'Supersedes the registration challenges of a customer under the locks of their budgets and of the address''s; returns how many. A part of otp_supersede';

CREATE FUNCTION sespan.otp_right(customer_id bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT CASE WHEN coalesce(a.used_at, a.revoked_at) IS NULL THEN 'live' ELSE 'ended' END
        FROM sespan.otp_activation AS a WHERE a.customer_id = otp_right.customer_id), 'none')
$$;
COMMENT ON FUNCTION sespan.otp_right(bigint) IS 'A customer''s right to be activated by a code: live, ended (used up or revoked) or none (never granted). Locks nothing';

-- Locks the right. A verification that has it waits for no customer, and nobody else
-- who has it does: so whoever has locked the customer already may call this.
CREATE FUNCTION sespan.otp_right_end(customer_id bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sespan.otp_register_authorize();
    UPDATE sespan.otp_activation AS a SET revoked_at = now()
    WHERE a.customer_id = otp_right_end.customer_id AND a.used_at IS NULL AND a.revoked_at IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION sespan.otp_right_end(bigint) IS 'Ends an unused right for good, because its customer is active without it; true if there was one. A part of otp_activated and otp_supersede';

CREATE FUNCTION sespan.otp_right_grant(customer_id bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sespan.otp_register_authorize();
    INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES (otp_right_grant.customer_id, now())
    ON CONFLICT ON CONSTRAINT otp_activation_pkey DO NOTHING;
    RETURN FOUND;
EXCEPTION WHEN foreign_key_violation THEN
    RAISE EXCEPTION 'customer % is in another table than the one that codes refer to: run sespan bind-customers', otp_right_grant.customer_id USING ERRCODE = 'SP001',
        HINT = 'Another table stands in the place of the bound one, or the row is in one that inherits from it: sespan doctor says which';
END
$$;
COMMENT ON FUNCTION sespan.otp_right_grant(bigint) IS 'Grants the right to a customer who never had one; true if it did; SP001 for one whom the foreign key does not find. A part of otp_register, which looks first';

-- A row that is seen although its transaction is in progress is this transaction's
-- own. Savepoints have numbers of their own, which come after the transaction's.
-- An UPDATE writes a row anew, and nothing tells it from an INSERT: a customer who
-- was there before goes through otp_supersede, which never grants.
CREATE FUNCTION sespan.otp_register_inserted(customer_id bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound sespan.customer_binding;
    own bigint := pg_current_xact_id_if_assigned()::text::bigint;
    written bigint;
BEGIN
    SELECT * INTO bound FROM sespan.customer_binding;
    EXECUTE format('SELECT u.xmin::pg_catalog.text::pg_catalog.int8 FROM %I.%I AS u WHERE u.%I OPERATOR(pg_catalog.=) $1',
                   bound.table_schema, bound.table_name, bound.columns #>> '{customer_id,column}')
    INTO written USING otp_register_inserted.customer_id;
    written := own + ((written - own) & 4294967295); -- xmin is the lower half of the number
    IF written IS NULL OR written - own >= 2147483648 THEN
        RETURN false; -- older than this transaction
    END IF;
    RETURN pg_xact_status(written::text::xid8) = 'in progress';
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false; -- a number that is still to come: of a row that was frozen long ago
END
$$;
COMMENT ON FUNCTION sespan.otp_register_inserted(bigint) IS
    'Whether this transaction, or a savepoint of it, wrote the customer''s row. A part of otp_register';

-- Reads the customer as its caller, the site, and writes as the owner.
CREATE FUNCTION sespan.otp_supersede(customer_id bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen sespan.customer_row;
    known sespan.customer_row;
BEGIN
    LOOP
        BEGIN
            SELECT * INTO seen FROM sespan.customer_by_id(otp_supersede.customer_id);
        EXCEPTION WHEN undefined_table OR undefined_column OR undefined_function OR invalid_schema_name THEN
            RAISE EXCEPTION 'the binding is stale (%): run sespan bind-customers', SQLERRM USING ERRCODE = 'SP001';
        END;
        IF seen.customer_id IS NULL THEN
            PERFORM sespan.otp_register_authorize();
            RETURN 'ended';
        END IF;
        EXIT WHEN seen IS NOT DISTINCT FROM known;
        known := seen; -- the address may have changed while its lock was awaited
        PERFORM sespan.otp_register_replace(known.customer_id, known.email);
    END LOOP;
    IF known.is_active IS DISTINCT FROM false THEN
        -- Somebody else made the customer active: a ban that comes later is for good.
        PERFORM sespan.otp_right_end(known.customer_id);
        RETURN 'ended';
    END IF;
    RETURN CASE sespan.otp_right(known.customer_id) WHEN 'live' THEN 'live' ELSE 'ended' END;
END
$$;
COMMENT ON FUNCTION sespan.otp_supersede(bigint) IS
    'For the site, in its own transaction: before the UPDATE by which a further registration replaces the data of an unverified customer. '
    'Supersedes the customer''s registration challenges and never grants anything. '
    'live (there is a right to be activated, unused), or ended (used up, revoked, never granted, or the customer is active or gone: replace nothing). '
    'Locks budget, challenges and codes until the transaction ends: call it before the customer''s row is locked. SP001 when no table is bound or the binding is stale';

CREATE FUNCTION sespan.otp_register(customer_id bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answer text := sespan.otp_supersede(otp_register.customer_id);
    inactive boolean;
BEGIN
    IF answer = 'live' THEN
        RETURN answer;
    END IF;
    SELECT NOT c.is_active INTO inactive FROM sespan.customer_by_id(otp_register.customer_id) AS c;
    IF inactive AND sespan.otp_register_inserted(otp_register.customer_id) AND sespan.otp_right_grant(otp_register.customer_id) THEN
        RETURN 'granted';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION sespan.otp_register(bigint) IS
    'For the site, right after the INSERT of a registering customer and in the same transaction: grants the right to be activated, once in a customer''s life. '
    'granted, live (it was called before), or ended (an older row, an active customer, or nobody: no code will activate). '
    'A customer who was there before this transaction gets nothing: see otp_supersede, whose locks it takes. SP001 when no table is bound or the binding is stale';

CREATE FUNCTION sespan.otp_activated(customer_id bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF sespan.otp_right(otp_activated.customer_id) <> 'live' THEN
        RETURN false;
    END IF;
    IF (SELECT c.is_active FROM sespan.customer_by_id(otp_activated.customer_id) AS c) THEN
        RETURN sespan.otp_right_end(otp_activated.customer_id);
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION sespan.otp_activated(bigint) IS
    'For the site, after it has written a customer: ends the right to be activated for good where the customer is active without it, so that a later ban holds. '
    'Looks itself; true if a right ended. SP001 when no table is bound and the customer has a right';

-- The watch: a trigger on the site's table, which sees what plain SQL does. Its
-- function is made by bind-customers --watch, with the names of the bound columns in
-- a string, so that the site may still alter and drop them; CASCADE drops it together
-- with the trigger, which takes no right on the site's table.
CREATE FUNCTION sespan.otp_watched() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM sespan.customer_binding AS b
        JOIN pg_namespace AS n ON n.nspname = b.table_schema
        JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = b.table_name
        JOIN pg_trigger AS t ON t.tgrelid = c.oid AND t.tgfoid = to_regprocedure('sespan.otp_watch()') AND t.tgenabled IN ('O', 'A'))
$$;
COMMENT ON FUNCTION sespan.otp_watched() IS 'Whether the bound table has the trigger of bind-customers --watch';

CREATE FUNCTION sespan.otp_watch_drop() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regprocedure('sespan.otp_watch()') IS NULL THEN
        RETURN false;
    END IF;
    DROP FUNCTION sespan.otp_watch() CASCADE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION sespan.otp_watch_drop() IS 'Ends the watch; true if there was one. Takes ACCESS EXCLUSIVE on the site''s table for a moment';

-- One probe of an index for each row that was written, also where many are: an array
-- is no table whose size the plan of a session would remember.
CREATE FUNCTION sespan.otp_watch_bind() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound sespan.customer_binding;
    body text;
    grantee name;
BEGIN
    SELECT * INTO STRICT bound FROM sespan.customer_binding;
    IF NOT bound.columns ? 'is_active' OR bound.columns -> 'is_active' ? 'table' THEN
        RAISE EXCEPTION 'there is nothing to watch: is_active of %.% is not bound', bound.table_schema, bound.table_name USING ERRCODE = 'SP001';
    END IF;
    body := format($body$
BEGIN
    UPDATE sespan.otp_activation AS a SET revoked_at = now()
    WHERE a.customer_id = ANY (ARRAY(SELECT w.%1$I::int8 FROM written AS w WHERE w.%2$I))
        AND a.used_at IS NULL AND a.revoked_at IS NULL;
    RETURN NULL;
EXCEPTION WHEN undefined_column OR datatype_mismatch OR cannot_coerce OR invalid_text_representation OR numeric_value_out_of_range THEN
    RAISE WARNING 'Sespan does not see who is activated (%%): run sespan bind-customers', SQLERRM;
    RETURN NULL; -- the site's statement goes on
END
$body$, bound.columns #>> '{customer_id,column}', bound.columns #>> '{is_active,column}');
    IF EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure('sespan.otp_watch()') AND prosrc = body) AND sespan.otp_watched() THEN
        RETURN NULL;
    END IF;
    PERFORM sespan.otp_watch_drop(); -- perhaps from another table
    EXECUTE format('CREATE FUNCTION sespan.otp_watch() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', body);
    PERFORM sespan.schema_private('pg_proc', to_regprocedure('sespan.otp_watch()'));
    COMMENT ON FUNCTION sespan.otp_watch() IS 'Ends the rights of customers whom a statement leaves active. Of the trigger sespan_otp_watch on the bound table';
    FOR grantee IN -- who owns the table is of the site, and makes the trigger
        SELECT r.rolname FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS x JOIN pg_roles AS r ON r.oid = x.grantee
        WHERE p.oid = 'sespan.otp_register(bigint)'::regprocedure AND x.privilege_type = 'EXECUTE'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION sespan.otp_watch() TO %I', grantee);
    END LOOP;
    RETURN format('CREATE OR REPLACE TRIGGER sespan_otp_watch AFTER UPDATE ON %I.%I REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION sespan.otp_watch()',
                  bound.table_schema, bound.table_name);
END
$$;
COMMENT ON FUNCTION sespan.otp_watch_bind() IS
    'Makes the function of the watch for the bound table and returns the statement that makes its trigger, which needs TRIGGER on the table; NULL where all of it is there';

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

DROP FUNCTION IF EXISTS sespan.otp_watch() CASCADE;
DROP FUNCTION sespan.otp_unused(timestamptz, bigint, int);
DROP FUNCTION sespan.otp_watch_bind();
DROP FUNCTION sespan.otp_watch_drop();
DROP FUNCTION sespan.otp_watched();
DROP FUNCTION sespan.otp_activated(bigint);
DROP FUNCTION sespan.otp_register(bigint);
DROP FUNCTION sespan.otp_supersede(bigint);
DROP FUNCTION sespan.otp_register_inserted(bigint);
DROP FUNCTION sespan.otp_right_grant(bigint);
DROP FUNCTION sespan.otp_right_end(bigint);
DROP FUNCTION sespan.otp_right(bigint);
DROP FUNCTION sespan.otp_register_replace(bigint, text);
DROP FUNCTION sespan.otp_register_authorize();
