-- The database's clock, for the doctor's comparison with this machine's.
-- name: SchemaClock :one
SELECT pg_catalog.clock_timestamp()::timestamptz AS now;
