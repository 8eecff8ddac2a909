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
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name AND (rolcanlogin OR rolsuper)) THEN
            RAISE EXCEPTION 'the role % is a login, which would get the rights of a group: take another role prefix', role_name;
        ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
                EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', role_name, 'Sespan: a group of the installations with these roles');
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END
$$;

-- Who migrates must be able to act as the owner next time: the login that made the
-- schema, and the one that runs this, by whose own membership SET ROLE goes. From PostgreSQL 16 on, making a role gives
-- its maker neither INHERIT nor SET.
DO $$
DECLARE
    member name;
BEGIN
    FOR member IN
        SELECT r.rolname FROM pg_catalog.pg_roles r
        WHERE NOT r.rolsuper AND r.rolname <> 'sespan_owner'
            AND (r.rolname IN (session_user, current_user) OR r.oid = (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan'))
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

-- Ownership of what the last migrations made, as the schema's owner: what somebody else
-- made in this schema stays theirs. The schema comes last, because until then it is the
-- login's right to it that counts. Identity sequences follow their table.
DO $$
DECLARE
    maker CONSTANT oid := (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan');
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
            AND c.relowner = maker AND c.relowner <> 'sespan_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
        UNION ALL
        SELECT pg_catalog.format('ALTER %s %s OWNER TO sespan_owner', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure)
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'sespan'::regnamespace AND p.proowner = maker AND p.proowner <> 'sespan_owner'::regrole
            AND NOT (p.proname = 'customer_update' AND p.prosecdef) -- handed over to the owner of the site's table
        UNION ALL
        SELECT pg_catalog.format('ALTER TYPE sespan.%I OWNER TO sespan_owner', t.typname)
        FROM pg_catalog.pg_type t
        WHERE t.typnamespace = 'sespan'::regnamespace AND t.typowner = maker
            AND (t.typtype IN ('d', 'e', 'r') OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
            AND t.typowner <> 'sespan_owner'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
    IF (SELECT n.nspowner <> 'sespan_owner'::regrole FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') THEN
        ALTER SCHEMA sespan OWNER TO sespan_owner;
    END IF;
END
$$;

SET LOCAL ROLE sespan_owner;

-- From a clean slate: what is not granted below is not granted, to PUBLIC and to our
-- groups. What a DBA granted to others by name stays, as do objects of others in here.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s', r.object, CASE r.grantee WHEN 'PUBLIC' THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.grantee) END)
        FROM sespan.schema_right r
        WHERE r.owner = 'sespan_owner' AND r.grantee IN ('PUBLIC', 'sespan_service', 'sespan_producer', 'sespan_reader', 'sespan_reader_detail', 'sespan_admin')
    LOOP
        EXECUTE statement;
    END LOOP;
    -- Whatever the service calls; those that change definitions have the rights of
    -- their caller, so that they fail without the owner's.
    FOR statement IN
        SELECT pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO sespan_service', p.oid::regprocedure)
        FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'sespan'::regnamespace AND p.proowner = 'sespan_owner'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA sespan TO sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;

-- schema
GRANT SELECT ON sespan.schema_right TO sespan_service;
GRANT SELECT ON sespan.schema_version, sespan.schema_migration TO sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;

-- installation
GRANT SELECT ON sespan.installation TO sespan_service, sespan_producer, sespan_reader, sespan_reader_detail, sespan_admin;

-- customer (on the site's own tables: see bind-customers)
GRANT SELECT ON sespan.customer_binding TO sespan_service, sespan_producer, sespan_admin;
GRANT EXECUTE ON FUNCTION sespan.customer_binding_state(), sespan.customer_columns(text, text, jsonb), sespan.customer_children(), sespan.customer_relation(),
    sespan.customer_table_check(text), sespan.customer_heirs(oid) TO sespan_producer, sespan_admin;
GRANT SELECT ON sespan.customer TO sespan_service;

-- api_key: nobody but the service sees the hashes
GRANT SELECT, INSERT, UPDATE (expires_at, revoked_at, last_used_at) ON sespan.api_key TO sespan_service;
GRANT SELECT (key_id, role, name, owner_id, owner_name, replaces, created_at, expires_at, revoked_at, last_used_at) ON sespan.api_key TO sespan_reader_detail, sespan_admin;

-- audit: rows come by triggers and functions, and go with their age; nobody writes it
GRANT SELECT ON sespan.audit TO sespan_service, sespan_reader_detail, sespan_admin;
GRANT SELECT ON sespan.people_role, sespan.people_comparison TO sespan_service, sespan_reader_detail, sespan_admin;
GRANT SELECT ON sespan.people_role, sespan.people_comparison TO sespan_producer;

-- api_log: rows are added, never changed
GRANT SELECT, INSERT ON sespan.api_log TO sespan_service;
GRANT INSERT ON sespan.api_log_body TO sespan_service; -- read through api_log_full
GRANT SELECT ON sespan.api_log_full TO sespan_service, sespan_reader_detail;

-- mail: who enqueues sees neither bodies nor the queue
GRANT SELECT, UPDATE ON sespan.mail_message TO sespan_service;
GRANT SELECT, UPDATE, DELETE ON sespan.mail_queue TO sespan_service;
GRANT SELECT, INSERT ON sespan.mail_outcome TO sespan_service;
GRANT SELECT, DELETE, UPDATE (expires_at) ON sespan.mail_idempotency TO sespan_service; -- UPDATE of a column: for row locks
GRANT SELECT ON sespan.mail_setting, sespan.mail_recipient, sespan.mail_dead TO sespan_service;
GRANT SELECT, UPDATE ON SEQUENCE sespan.mail_doorbell TO sespan_service;
GRANT SELECT ON SEQUENCE sespan.mail_lost_seq TO sespan_service;
GRANT SELECT (message_id, created_at, category, sender, reply_to, to_addresses, cc_addresses, subject, send_at, expires_at, size_bytes,
    priority, recipients, pending, sent, dead, on_unknown, retain_body, finished_at, wipe_at, wiped_at, traceparent) ON sespan.mail_message TO sespan_reader_detail;
GRANT SELECT ON sespan.mail_queue, sespan.mail_outcome, sespan.mail_recipient, sespan.mail_dead TO sespan_reader_detail;
GRANT SELECT ON sespan.mail_setting TO sespan_reader, sespan_reader_detail, sespan_admin;
GRANT UPDATE (value) ON sespan.mail_setting TO sespan_admin;
GRANT SELECT ON sespan.mail_attachment, sespan.mail_attachment_piece, sespan.mail_attachment_use TO sespan_service;
GRANT SELECT ON sespan.mail_pause, sespan.mail_stuck, sespan.mail_throughput TO sespan_service, sespan_reader_detail, sespan_admin;
GRANT SELECT ON sespan.mail_dead TO sespan_admin;
GRANT SELECT, INSERT, DELETE, UPDATE (seen_at, listening, dispatch, confirmed_at, waiting_since) ON sespan.mail_worker TO sespan_service;
GRANT SELECT ON sespan.mail_worker TO sespan_reader_detail, sespan_admin;
GRANT SELECT, UPDATE ON sespan.mail_announce TO sespan_service;
GRANT SELECT ON sespan.mail_announce TO sespan_reader_detail, sespan_admin;

GRANT SELECT ON sespan.mail_signal TO sespan_service, sespan_reader_detail;
GRANT SELECT, INSERT, UPDATE ON sespan.mail_signal TO sespan_admin; -- by the site, for its signals

-- mail events and suppression
GRANT SELECT, INSERT, DELETE, UPDATE (expires_at) ON sespan.mail_suppression TO sespan_service;
GRANT SELECT, INSERT, DELETE, UPDATE (detail) ON sespan.mail_event TO sespan_service; -- UPDATE of a column: for row locks
GRANT SELECT ON sespan.mail_suppression, sespan.mail_event TO sespan_reader_detail, sespan_admin;

-- budget: counted through functions; a person changes the limits
GRANT SELECT ON sespan.budget_limit, sespan.budget_site TO sespan_service, sespan_reader, sespan_reader_detail, sespan_admin;
GRANT UPDATE (most) ON sespan.budget_limit TO sespan_admin;

-- otp: nobody but the service sees the hashes and the sealed data
GRANT SELECT, INSERT, UPDATE, DELETE ON sespan.otp, sespan.otp_budget TO sespan_service;
GRANT SELECT, INSERT, UPDATE ON sespan.otp_challenge, sespan.otp_activation TO sespan_service; -- they go with a code or a customer
GRANT SELECT (otp_id, customer_id, challenge_id, created_at, valid_until, message_id, purpose, status, email) ON sespan.otp TO sespan_reader_detail;
GRANT SELECT (challenge_id, customer_id, created_at, sent_at, valid_until, verified_at, wrong_guesses, decoy, purpose, status, locale, email)
    ON sespan.otp_challenge TO sespan_reader_detail;
GRANT SELECT ON sespan.otp_activation TO sespan_reader_detail, sespan_admin;

-- tier: written through functions; the audit keeps the versions
GRANT SELECT, UPDATE (updated_at) ON sespan.transaction_tier TO sespan_service; -- UPDATE of a column: for the row locks of a draw
GRANT SELECT, UPDATE (uses, amount) ON sespan.transaction_tier_usage TO sespan_service;
GRANT SELECT ON sespan.transaction_tier_version TO sespan_service, sespan_reader, sespan_reader_detail, sespan_admin;
GRANT SELECT ON sespan.transaction_tier, sespan.transaction_tier_usage TO sespan_reader, sespan_reader_detail, sespan_admin;

-- transaction: a draw is for ever
GRANT SELECT, INSERT ON sespan.transaction_log TO sespan_service;
GRANT SELECT, INSERT, UPDATE (sealed_seed, tier_set_hash, seed, revealed_at) ON sespan.draw_epoch TO sespan_service;
GRANT SELECT ON sespan.transaction_log TO sespan_reader_detail;
GRANT SELECT (draw_epoch, seed_hash, tier_set_hash, seed, created_at, revealed_at) ON sespan.draw_epoch TO sespan_reader, sespan_reader_detail;

-- stats: written by triggers and by the fold; the service adds the tries that a
-- settled batch repeats
GRANT SELECT ON sespan.stats_horizon, sespan.stats_api, sespan.stats_otp, sespan.stats_transaction, sespan.stats_mail,
    sespan.stats_api_quarter, sespan.stats_otp_quarter, sespan.stats_transaction_quarter, sespan.stats_mail_quarter,
    sespan.stats_api_hour, sespan.stats_otp_hour, sespan.stats_transaction_hour, sespan.stats_mail_hour,
    sespan.stats_api_day, sespan.stats_otp_day, sespan.stats_transaction_day, sespan.stats_mail_day TO sespan_service;
GRANT SELECT ON sespan.stats_api_appended, sespan.stats_otp_appended, sespan.stats_transaction_appended, sespan.stats_mail_appended TO sespan_service;
GRANT INSERT (bucket, outcome, mails) ON sespan.stats_mail TO sespan_service;
GRANT SELECT ON sespan.stats_horizon, sespan.stats_api_total, sespan.stats_api_day_total, sespan.stats_otp_total, sespan.stats_otp_day_total,
    sespan.stats_transaction_total, sespan.stats_transaction_day_total, sespan.stats_mail_total, sespan.stats_mail_day_total
    TO sespan_service, sespan_reader, sespan_reader_detail, sespan_admin;

-- What an outsider of the service may do goes through functions. Looked up by
-- name, because a function that takes one more parameter is another function.
DO $$
DECLARE
    grants CONSTANT jsonb := '{
        "sespan_producer": ["otp_register", "otp_register_authorize", "otp_register_inserted", "otp_register_replace", "otp_supersede",
            "otp_activated", "otp_right", "otp_right_grant", "otp_right_end", "otp_unused", "otp_watch", "otp_watched", "customer_by_id", "customer_unbound",
            "budget_take", "budget_wait", "budget_give_back", "pretended_begin", "pretended_find", "pretended_takes_name", "pretended_end",
            "mail_enqueue", "mail_enqueue_batch", "mail_attachment_put", "mail_attachment_known", "mail_count_lost",
            "audit_as", "audit_people", "people_lock", "people_compare", "key_owner_roles"],
        "sespan_reader": ["tier_name"],
        "sespan_reader_detail": ["audit_as", "tier_name", "mail_status", "mail_why", "mail_find", "mail_reasons", "mail_sentence"],
        "sespan_admin": ["audit_as", "tier_name", "mail_status", "mail_why", "mail_find", "mail_reasons", "mail_sentence", "mail_pause", "mail_resume", "mail_preview", "tier_save", "tier_delete", "mail_retry", "mail_cancel", "mail_suppress", "mail_unsuppress", "otp_revoke", "stats_check", "customer_known", "customer_export", "customer_erase", "customer_help", "customer_help_reset", "customer_help_end_codes"]
    }';
    statement text;
BEGIN
    FOR statement IN
        SELECT pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure, g.key)
        FROM pg_catalog.jsonb_each(grants) AS g
        JOIN pg_catalog.pg_proc p ON p.pronamespace = 'sespan'::regnamespace AND g.value ? p.proname::text
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

COMMIT;
