-- The database's clock, for the doctor's comparison with this machine's.
-- name: SchemaClock :one
SELECT pg_catalog.clock_timestamp()::timestamptz AS now;

-- name: PartitionTables :many
SELECT pg_catalog.format('sespan.%I', c.relname)::text AS qualified
FROM pg_catalog.pg_class c
WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') AND c.relkind = 'p' AND NOT c.relispartition
  AND c.relname !~ '^stats_' -- theirs are hours: StatsPartitionEnsure
ORDER BY 1;

-- Takes an advisory lock on the table, SHARE UPDATE EXCLUSIVE on it and, only
-- while a day is attached, ACCESS EXCLUSIVE on its default partition.
-- name: PartitionEnsure :one
SELECT sespan.partition_ensure(CAST(CAST(@parent AS text) AS regclass), @days::int)::int AS made;

-- A session lock: it ends with the connection. Tried, never waited for: a session
-- that waits inside a statement holds a snapshot, and CREATE INDEX CONCURRENTLY
-- waits for that snapshot while we wait for its lock.
-- name: SchemaTryLock :one
SELECT pg_catalog.pg_try_advisory_lock(5318008143)::boolean AS locked;

-- The connection's end would do, but only when the server has noticed it.
-- name: SchemaUnlock :exec
SELECT pg_catalog.pg_advisory_unlock(5318008143);

-- name: SchemaSession :one
SELECT current_setting('server_version_num')::int AS server_version, session_user::text AS login,
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

-- name: SchemaHasRoles :one
SELECT (count(*) = 2)::boolean AS found FROM pg_catalog.pg_roles WHERE rolname IN (@service::text, @owner::text);
