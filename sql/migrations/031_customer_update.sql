-- The one change that we make to the site's own rows: a customer becomes active.
-- The site's triggers, rules and policies act on it as they would on the site's own
-- update, with its rights and its search_path:
--
--   customer_activate         the service, in the transaction of a verification
--     └ customer_change       names what stood in the way (SP005)
--         └ customer_update   rights of the owner of the bound table, the site's search_path
--             └ UPDATE        triggers, rules and policies of the site
--
-- customer_update is written by customer_bind and handed over to the owner of the
-- table by customer_hand_over, where the login that binds may do that; else it has
-- the rights of the service. It names nothing of this schema, which its owner may
-- not use.

CREATE FUNCTION sespan.customer_update(customer_id bigint, keep boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS 'BEGIN PERFORM sespan.customer_unbound(); RETURN NULL; END';
COMMENT ON FUNCTION sespan.customer_update(bigint, boolean) IS
    'Activates an inactive customer: its key, or NULL for one who is active. A trial (keep is false) is undone, of this customer or, for NULL, of one among the newest: its key, or NULL where there is none. SP005 when the row does not read as wanted, 55P03 when somebody else has locked it, SP001 when no table is bound. Belongs to the owner of the bound table';

-- The search_path of the site's own sessions, as far as the database knows it: what
-- is set for the owner of the table, else for the database, and the table's schema.
CREATE FUNCTION sespan.customer_path(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH bound AS (
        SELECT n.nspname, c.relowner FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation
    ), setting AS (
        SELECT substr(g.value, length('search_path=') + 1) AS path
        FROM bound AS b
        JOIN pg_db_role_setting AS s ON s.setrole IN (0, b.relowner) AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
        CROSS JOIN LATERAL unnest(s.setconfig) AS g (value)
        WHERE g.value LIKE 'search\_path=%'
        ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1
    ), entry AS (
        SELECT trim(BOTH ' "' FROM p.name) AS name, p.turn
        FROM regexp_split_to_table(coalesce((SELECT path FROM setting), '"$user", public'), ',') WITH ORDINALITY AS p (name, turn)
    )
    SELECT string_agg(quote_ident(e.name), ', ' ORDER BY e.turn)
    FROM (
        SELECT name, turn FROM entry WHERE name NOT IN ('', 'pg_catalog', 'pg_temp')
        UNION ALL
        SELECT nspname, 0 FROM bound WHERE nspname NOT IN (SELECT name FROM entry)
        UNION ALL
        SELECT 'pg_temp', 1000
    ) AS e
$$;
COMMENT ON FUNCTION sespan.customer_path(oid) IS 'The search_path with which the site''s triggers run: SQL text';

-- A trial takes an inactive one of the newest customers, and makes one inactive
-- first where there is none; whatever refuses that does not refuse our update. The
-- updates are planned each time: the plan of one that an INSTEAD rule has made nothing
-- of names no table, and would outlive the rule.
CREATE FUNCTION sespan.customer_update_body(relation oid, columns jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE WHEN a.source IS NULL THEN $body$
BEGIN
    RETURN (SELECT u.%2$I FROM %1$s AS u WHERE $1 IS NULL ORDER BY u.%2$I DESC LIMIT 1);
END
$body$ ELSE $body$
#variable_conflict use_variable
DECLARE
    id bigint := $1;
    was boolean;
    becomes boolean;
    changed bigint;
    -- What the site has deferred, on this table or on those that its triggers write, runs
    -- in here too, and not with other rights at the commit; what we have deferred waits for it.
    at_once CONSTANT text := (
        SELECT 'SET CONSTRAINTS ' || pg_catalog.string_agg(pg_catalog.format('%%I.%%I', n.nspname, c.conname), ', ') || ' IMMEDIATE'
        FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_constraint AS c ON c.oid = t.tgconstraint JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace
        WHERE t.tgdeferrable AND NOT t.tgisinternal AND n.nspname <> 'sespan' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'));
BEGIN
    IF id IS NULL AND NOT $2 THEN
        SELECT s.id INTO id FROM (SELECT u.%2$I AS id, COALESCE(u.%3$I, false) AS active FROM %1$s AS u ORDER BY u.%2$I DESC LIMIT 1000) AS s
        ORDER BY s.active, s.id DESC LIMIT 1;
        IF id IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    SELECT COALESCE(u.%3$I, false) INTO was FROM %1$s AS u WHERE u.%2$I OPERATOR(pg_catalog.=) id FOR NO KEY UPDATE NOWAIT;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SP005', MESSAGE = %4$L;
    ELSIF $2 AND was THEN
        RETURN NULL;
    END IF;
    BEGIN
        IF was THEN
            BEGIN
                EXECUTE %9$L USING id;
                IF at_once IS NOT NULL THEN
                    EXECUTE at_once;
                END IF;
            EXCEPTION WHEN OTHERS OR assert_failure THEN
                NULL;
            END;
        END IF;
        EXECUTE %8$L USING id;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF at_once IS NOT NULL THEN
            EXECUTE at_once;
        END IF;
        SELECT COALESCE(u.%3$I, false) INTO becomes FROM %1$s AS u WHERE u.%2$I OPERATOR(pg_catalog.=) id;
        IF becomes IS DISTINCT FROM true OR (changed OPERATOR(pg_catalog.=) 0 AND was) THEN
            RAISE EXCEPTION USING ERRCODE = 'SP005', MESSAGE = CASE WHEN changed OPERATOR(pg_catalog.=) 0 THEN %5$L WHEN becomes IS NULL THEN %6$L ELSE %7$L END;
        ELSIF NOT $2 THEN
            RAISE EXCEPTION USING ERRCODE = 'SP009', MESSAGE = 'undone';
        END IF;
    EXCEPTION WHEN SQLSTATE 'SP009' THEN
        NULL;
    END;
    RETURN id;
END
$body$ END,
        t.name, columns #>> '{customer_id,column}', a.source,
        format('the customer''s row of %s cannot be locked for the update', t.name), format('the update of %s changed no row', t.name),
        format('the customer''s row of %s is gone after the update', t.name), format('the update of %s was changed back: %I does not read true', t.name, coalesce(a.source, '')),
        format('UPDATE %s AS u SET %I = true%s WHERE u.%I OPERATOR(pg_catalog.=) $1', t.name, coalesce(a.source, ''), stamp, columns #>> '{customer_id,column}'),
        format('UPDATE %s AS u SET %I = false WHERE u.%I OPERATOR(pg_catalog.=) $1', t.name, coalesce(a.source, ''), columns #>> '{customer_id,column}'))
    FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation) AS t
    CROSS JOIN (SELECT CASE WHEN NOT columns -> 'is_active' ? 'table' THEN columns #>> '{is_active,column}' END AS source) AS a
    CROSS JOIN LATERAL (SELECT (SELECT format(', %I = pg_catalog.now()', g.attname) FROM pg_attribute AS g
        WHERE g.attrelid = relation AND NOT g.attisdropped AND g.attgenerated = ''
            AND NOT columns -> 'updated_at' ? 'table' AND g.attname = columns #>> '{updated_at,column}') AS stamp) AS g
$$;
COMMENT ON FUNCTION sespan.customer_update_body(oid, jsonb) IS 'The body of customer_update for a table and its columns (see customer_binding.columns)';

-- A function that belongs to the site is not replaced by the owner of this schema,
-- but dropped. Whoever could call it may call the new one.
-- to_regprocedure, not a constant: a session that binds twice would keep the number of
-- the function that the first time has dropped.
CREATE FUNCTION sespan.customer_update_make(body text, path text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers name[];
    caller name;
    described text;
BEGIN
    IF EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = to_regprocedure('sespan.customer_update(bigint, boolean)') AND p.prosrc = body
                 AND p.proconfig = ARRAY['search_path=' || path]) THEN
        RETURN false;
    END IF;
    SELECT array_agg(DISTINCT r.rolname), obj_description(p.oid, 'pg_proc') INTO callers, described
    FROM pg_proc AS p LEFT JOIN LATERAL aclexplode(p.proacl) AS x ON x.grantee NOT IN (0, p.proowner)
    LEFT JOIN pg_roles AS r ON r.oid = x.grantee AND r.rolname <> current_user
    WHERE p.oid = to_regprocedure('sespan.customer_update(bigint, boolean)') GROUP BY p.oid;
    DROP FUNCTION sespan.customer_update(bigint, boolean);
    EXECUTE format('CREATE FUNCTION sespan.customer_update(customer_id bigint, keep boolean) RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = %s AS %L', path, body);
    EXECUTE format('COMMENT ON FUNCTION sespan.customer_update(bigint, boolean) IS %L', described);
    PERFORM sespan.schema_private('pg_proc', to_regprocedure('sespan.customer_update(bigint, boolean)'));
    FOREACH caller IN ARRAY array_remove(callers, NULL) LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION sespan.customer_update(bigint, boolean) TO %I', caller);
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION sespan.customer_update_make(text, text) IS 'Makes customer_update anew, with the rights of its caller, if body or search_path differ; true if it did';

-- Needs a login that may act as both owners; superusers may.
CREATE FUNCTION sespan.customer_hand_over(relation oid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    site CONSTANT name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation);
    ours CONSTANT name := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'sespan');
    service CONSTANT name := (SELECT r.rolname FROM pg_roles AS r JOIN sespan.installation AS i ON r.rolname = i.role_prefix || 'service');
    lent CONSTANT boolean := NOT has_schema_privilege(site, 'sespan', 'CREATE');
    handed_over CONSTANT boolean := EXISTS (
        SELECT FROM pg_proc AS p WHERE p.oid = to_regprocedure('sespan.customer_update(bigint, boolean)') AND p.prosecdef AND p.proowner = site::regrole);
BEGIN
    -- migrate up cannot give this right back, because the function is no longer its own.
    IF handed_over AND service IS NOT NULL AND NOT has_function_privilege(service, 'sespan.customer_update(bigint, boolean)', 'EXECUTE') THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION sespan.customer_update(bigint, boolean) TO %I', service);
        RETURN true;
    ELSIF handed_over THEN
        RETURN false;
    END IF;
    IF lent THEN
        EXECUTE format('GRANT CREATE ON SCHEMA sespan TO %I', site);
    END IF;
    ALTER FUNCTION sespan.customer_update(bigint, boolean) SECURITY DEFINER;
    EXECUTE format('ALTER FUNCTION sespan.customer_update(bigint, boolean) OWNER TO %I', site);
    EXECUTE format('GRANT EXECUTE ON FUNCTION sespan.customer_update(bigint, boolean) TO %I', ours);
    IF lent THEN
        EXECUTE format('REVOKE CREATE ON SCHEMA sespan FROM %I', site);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION sespan.customer_hand_over(oid) IS
    'Gives customer_update to the owner of the bound table, with whose rights it then runs; false when it was so before, 42501 when this login may not act as that owner';

-- Where a failure does not show which of them it was, all that act on an update.
CREATE FUNCTION sespan.customer_hooks(context text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH bound AS (
        SELECT c.oid, c.relrowsecurity FROM pg_class AS c WHERE c.oid = sespan.customer_relation()
    ), hook AS (
        SELECT format('trigger %I', t.tgname) AS name, strpos(translate(context, '."', ' '), ' ' || p.proname || '(') > 0 AS seen
        FROM bound AS b
        CROSS JOIN LATERAL (SELECT b.oid UNION SELECT r.relid FROM pg_partition_tree(b.oid) AS r) AS r (oid)
        JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A') AND t.tgtype & 16 <> 0
        JOIN pg_proc AS p ON p.oid = t.tgfoid
        UNION ALL
        SELECT format('rule %I', r.rulename), false FROM bound AS b JOIN pg_rewrite AS r ON r.ev_class = b.oid AND r.ev_type = '2' AND r.ev_enabled IN ('O', 'A')
        UNION ALL
        SELECT format('policy %I', p.polname), false FROM bound AS b JOIN pg_policy AS p ON p.polrelid = b.oid WHERE b.relrowsecurity
    )
    SELECT CASE WHEN bool_or(h.seen) THEN ' by ' ELSE '; what acts on it: ' END || string_agg(h.name, ', ' ORDER BY h.name)
    FROM hook AS h WHERE h.seen OR NOT EXISTS (SELECT FROM hook AS o WHERE o.seen)
$$;
COMMENT ON FUNCTION sespan.customer_hooks(text) IS 'Which triggers, rules and policies of the bound table stand in the context of an error, or all that act on an update: the end of a sentence, NULL for none';

CREATE FUNCTION sespan.customer_change(customer_id bigint, keep boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said text;
    place text;
    wanted text;
BEGIN
    RETURN sespan.customer_update(customer_change.customer_id, keep);
EXCEPTION WHEN OTHERS OR assert_failure THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, place = PG_EXCEPTION_CONTEXT;
    IF SQLSTATE ~ '^(08|25|40|53|57|58|55P03|SP001)' THEN
        RAISE; -- passes, or is told by its own name
    END IF;
    wanted := CASE
        WHEN SQLSTATE = '42501' AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = to_regprocedure('sespan.customer_update(bigint, boolean)') AND p.prosecdef) THEN
            'bind-customers has left the update with the rights of the service: run it as the owner of the table or as a superuser'
        WHEN SQLSTATE = '42704' THEN format('where it is a setting that the site makes for its sessions: ALTER ROLE %I SET … = …', session_user)
        ELSE 'let it pass an update of is_active alone that the site did not make, or bind no is_active' END;
    RAISE EXCEPTION USING ERRCODE = 'SP005', DETAIL = left(split_part(said, E'\n', 1), 300), HINT = wanted,
        MESSAGE = CASE SQLSTATE WHEN 'SP005' THEN said ELSE format('the update of %s was refused (%s)', sespan.customer_relation()::regclass, SQLSTATE) END
            || coalesce(sespan.customer_hooks(place), '');
END
$$;
COMMENT ON FUNCTION sespan.customer_change(bigint, boolean) IS
    'customer_update, whose failures name the trigger, rule or policy of the site: SP005 with the site''s own words as its detail. Troubles that pass (locks, no room, a shutdown) are as they are';

-- Whoever verifies holds the budget, for which a site that has the customer may be
-- waiting: the row is locked NOWAIT, so that neither waits for the other, nor a third for both.
CREATE FUNCTION sespan.customer_activate(customer_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE AS 'SELECT sespan.customer_change($1, true) IS NOT NULL';
COMMENT ON FUNCTION sespan.customer_activate(bigint) IS
    'Sets is_active, and updated_at to now where it is bound; true if the customer was inactive before. Fails at once (55P03) where somebody has locked the customer: the caller rolls back and comes again. SP005 names what of the site stood in the way, SP001: no table is bound';

-- Not by the address: without an index that would read all customers.
CREATE FUNCTION sespan.customer_try() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation CONSTANT regclass := sespan.customer_relation();
    tried bigint;
    seen sespan.customer_row;
    said text;
BEGIN
    tried := sespan.customer_change(NULL, false);
    BEGIN
        SELECT * INTO seen FROM sespan.customer_by_id(tried);
    EXCEPTION WHEN OTHERS OR assert_failure THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
        RAISE EXCEPTION USING ERRCODE = 'SP005', DETAIL = left(split_part(said, E'\n', 1), 300),
            MESSAGE = format('reading %s was refused (%s)', relation, SQLSTATE) || coalesce(sespan.customer_hooks(NULL), '');
    END;
    IF seen.customer_id IS NULL AND (tried IS NOT NULL OR row_security_active(relation) AND pg_relation_size(relation) > 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'SP005', MESSAGE = format('%I sees no customer of %s', current_user, relation) || coalesce(sespan.customer_hooks(NULL), ''),
            HINT = format('row-level security hides them; a policy lets it see them: CREATE POLICY sespan ON %s TO %I USING (true)', relation, current_user);
    END IF;
    RETURN coalesce('customer ' || tried, 'none');
END
$$;
COMMENT ON FUNCTION sespan.customer_try() IS
    'Reads and activates a customer as a verification does and undoes it: customer and key, or none where there is no customer. SP005 names what of the site stood in the way. The caller rolls back, too';

---- create above / drop below ----

DROP FUNCTION sespan.customer_try();
DROP FUNCTION sespan.customer_activate(bigint);
DROP FUNCTION sespan.customer_change(bigint, boolean);
DROP FUNCTION sespan.customer_hooks(text);
DROP FUNCTION sespan.customer_hand_over(oid);
DROP FUNCTION sespan.customer_update_make(text, text);
DROP FUNCTION sespan.customer_update_body(oid, jsonb);
DROP FUNCTION sespan.customer_path(oid);
DROP FUNCTION sespan.customer_update(bigint, boolean);
