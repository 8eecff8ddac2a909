-- name: PartitionTables :many
SELECT pg_catalog.format('sespan.%I', c.relname)::text AS qualified
FROM pg_catalog.pg_class c
WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') AND c.relkind = 'p' AND NOT c.relispartition
  AND c.relname !~ '^stats_' -- theirs are hours: StatsPartitionEnsure
ORDER BY 1;

-- Takes an advisory lock on the table, SHARE UPDATE EXCLUSIVE on it and, once a
-- day is attached, ACCESS EXCLUSIVE on its default partition; holds them until the
-- end of the statement, so it makes a few at a time.
-- name: PartitionEnsure :one
SELECT sespan.partition_ensure(CAST(CAST(@parent AS text) AS regclass), @days::int, @most::int)::int AS made;

-- A session lock: it ends with the connection. Tried, never waited for: a session
-- that waits inside a statement holds a snapshot, and CREATE INDEX CONCURRENTLY
-- waits for that snapshot while we wait for its lock.
-- name: SchemaTryLock :one
SELECT pg_catalog.pg_try_advisory_lock(5318008143)::boolean AS locked;

-- The connection's end would do, but only when the server has noticed it.
-- name: SchemaUnlock :exec
SELECT pg_catalog.pg_advisory_unlock(5318008143);

-- The login is whom its address or its settings make of it (options=-c role=…), which is
-- what to go back to. A pooler that leaves our settings out has another lock_timeout.
-- name: SchemaSession :one
SELECT current_setting('server_version_num')::int AS server_version, current_user::text AS login, current_setting('role')::text AS role,
    current_setting('lock_timeout')::text AS lock_timeout,
    current_database()::text AS database, pg_catalog.pg_is_in_recovery()::boolean AS standby;

-- Empty when there is no schema sespan.
-- name: SchemaOwner :one
SELECT COALESCE((SELECT r.rolname FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
                 WHERE n.nspname = 'sespan'), '')::text AS owner;

-- name: SchemaCreate :exec
CREATE SCHEMA sespan;

-- name: SchemaActAs :exec
SELECT pg_catalog.set_config('role', @role::text, false);

-- name: SchemaHasTable :one
SELECT (pg_catalog.to_regclass(@qualified::text) IS NOT NULL)::boolean AS found;

-- name: SchemaVersionGet :one
SELECT version FROM sespan.schema_version;

-- name: SchemaMigrationList :many
SELECT m.version, m.file, m.sha256 FROM sespan.schema_migration m
WHERE m.version <= (SELECT v.version FROM sespan.schema_version v) ORDER BY m.version;

-- name: SchemaHasFunction :one
SELECT (pg_catalog.to_regprocedure(@signature::text) IS NOT NULL)::boolean AS found;

-- ACCESS EXCLUSIVE on the table of an index that it drops.
-- name: SchemaDropInvalidIndexes :one
SELECT sespan.schema_drop_invalid_indexes()::int AS dropped;

-- For schema_revoke_given: what is there before a migration, in a setting of this
-- session. Nothing is when none of ours has run; a schema that we made is new, too.
-- name: SchemaRemember :exec
SELECT pg_catalog.set_config('sespan.known_objects', concat_ws(' ',
    CASE WHEN NOT @made_schema::boolean THEN (SELECT 'pg_namespace'::regclass::oid || '.' || n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') END,
    CASE WHEN pg_catalog.to_regclass('sespan.schema_migration') IS NOT NULL THEN (
        SELECT string_agg(d.classid || '.' || d.objid, ' ') FROM pg_catalog.pg_depend d
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n'
          AND d.refobjid = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan')) END), false);

-- name: SchemaWaitingMails :one
-- Reads the queue once, before it is dropped.
SELECT count(*) AS mails FROM sespan.mail_queue;

-- What stands in a schema sespan that is not ours; nothing where it is ours or empty.
-- name: SchemaOthers :many
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0)::text AS object
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.deptype = 'n'
WHERE n.nspname = 'sespan' AND NOT EXISTS (SELECT FROM pg_catalog.pg_class m WHERE m.relnamespace = n.oid AND m.relname = 'schema_migration')
  AND COALESCE(pg_catalog.obj_description(n.oid, 'pg_namespace'), '') NOT LIKE 'Sespan: %'
  AND NOT (d.classid = 'pg_class'::regclass
           AND (SELECT v.relname FROM pg_catalog.pg_class v WHERE v.oid = d.objid) = 'schema_version' AND (SELECT string_agg(a.attname || ' ' || a.atttypid::regtype, ', ') FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = d.objid AND a.attnum > 0 AND NOT a.attisdropped) = 'version integer') -- the migrator's
ORDER BY 1;

-- How a schema of somebody else is renamed; the statement is to be run.
-- name: SchemaAside :one
SELECT pg_catalog.format('ALTER SCHEMA sespan RENAME TO %I', 'sespan_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS'))::text AS statement;

-- name: SchemaHasRoles :one
SELECT (count(*) = 2)::boolean AS found FROM pg_catalog.pg_roles WHERE rolname IN (@service::text, @owner::text);
