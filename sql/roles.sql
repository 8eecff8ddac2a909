-- Roles and grants of Sespan; applied after each migrate up, in one transaction.
-- It may run any number of times, by a superuser or by a login with CREATEROLE.
-- The names below are those of the default prefix; they are NOLOGIN groups:
--
--   sespan_owner          owns the schema and everything in it
--   sespan_service        sespan serve: its own tables
--   sespan_producer       the Django site: enqueue mails
--   sespan_reader         aggregates: views without people
--   sespan_reader_detail  rows of people, without secrets
--   sespan_admin          staff: tiers, queue, revocation

BEGIN;

-- Roles are shared by all databases of the server: another migrate may make them
-- at this moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['sespan_owner', 'sespan_service', 'sespan_producer', 'sespan_reader', 'sespan_reader_detail', 'sespan_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END
$$;

-- Who migrates must be able to act as the owner next time: the login that made the
-- schema, and the one that runs this. From PostgreSQL 16 on, making a role gives
-- its maker neither INHERIT nor SET.
DO $$
DECLARE
    member name;
BEGIN
    FOR member IN
        SELECT r.rolname FROM pg_catalog.pg_roles r
        WHERE NOT r.rolsuper AND r.rolname <> 'sespan_owner'
            AND (r.rolname = session_user OR r.oid = (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan'))
    LOOP
        IF current_setting('server_version_num')::int >= 160000 THEN
            IF NOT (pg_catalog.pg_has_role(member, 'sespan_owner', 'SET') AND pg_catalog.pg_has_role(member, 'sespan_owner', 'USAGE')) THEN
                EXECUTE pg_catalog.format('GRANT sespan_owner TO %I WITH SET TRUE, INHERIT TRUE', member);
            END IF;
        ELSIF NOT pg_catalog.pg_has_role(member, 'sespan_owner', 'MEMBER') THEN
            EXECUTE pg_catalog.format('GRANT sespan_owner TO %I', member);
        END IF;
    END LOOP;
END
$$;

-- Ownership of what the last migrations made; the schema comes last, because until
-- then it is the login's right to it that counts. Identity sequences follow their table.
DO $$
DECLARE
    statement text;
BEGIN
    IF (SELECT n.nspowner <> 'sespan_owner'::regrole FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') THEN
        GRANT ALL ON SCHEMA sespan TO sespan_owner;
    END IF;
    FOR statement IN
        SELECT pg_catalog.format('ALTER %s sespan.%I OWNER TO sespan_owner',
                   CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname)
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
            AND c.relowner <> 'sespan_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
        UNION ALL
        SELECT pg_catalog.format('ALTER %s %s OWNER TO sespan_owner', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure)
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'sespan'::regnamespace AND p.proowner <> 'sespan_owner'::regrole
        UNION ALL
        SELECT pg_catalog.format('ALTER TYPE sespan.%I OWNER TO sespan_owner', t.typname)
        FROM pg_catalog.pg_type t
        WHERE t.typnamespace = 'sespan'::regnamespace AND t.typtype IN ('d', 'e') AND t.typowner <> 'sespan_owner'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
    IF (SELECT n.nspowner <> 'sespan_owner'::regrole FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') THEN
        ALTER SCHEMA sespan OWNER TO sespan_owner;
    END IF;
END
$$;

SET LOCAL ROLE sespan_owner;

-- From a clean slate: what is not granted below is not granted.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA sespan FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA sespan FROM PUBLIC, sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA sespan FROM PUBLIC, sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;
REVOKE ALL ON ALL ROUTINES IN SCHEMA sespan FROM PUBLIC, sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;
GRANT USAGE ON SCHEMA sespan TO sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;

-- schema
GRANT SELECT ON sespan.schema_version TO sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;
GRANT EXECUTE ON FUNCTION sespan.partition_ensure(regclass, int) TO sespan_service;

-- customer (the site's table itself: bind-customers)
GRANT SELECT ON sespan.customer_binding TO sespan_service, sespan_producer, sespan_admin;
GRANT EXECUTE ON FUNCTION sespan.customer_binding_state(), sespan.customer_columns(text, text, jsonb)
    TO sespan_service, sespan_producer, sespan_admin;
GRANT EXECUTE ON FUNCTION sespan.customer_unbound(), sespan.customer_by_id(bigint), sespan.customer_by_email(text),
    sespan.customer_all(), sespan.customer_activate(bigint) TO sespan_service;
GRANT SELECT ON sespan.customer TO sespan_service;

COMMIT;
