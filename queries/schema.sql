-- The database's clock, for the doctor's comparison with this machine's.
-- name: SchemaClock :one
SELECT pg_catalog.clock_timestamp()::timestamptz AS now;

-- Takes an advisory lock on the table, SHARE UPDATE EXCLUSIVE on it and, only
-- while a day is attached, ACCESS EXCLUSIVE on its default partition.
-- name: PartitionEnsure :one
SELECT sespan.partition_ensure(CAST(CAST(@parent AS text) AS regclass), @days::int)::int AS made;
