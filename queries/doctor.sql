-- What `sespan doctor` reads. The catalogs, sizes of files and the statistics are open
-- to every login; only schema rows need the service's rights. Nothing here waits for a
-- lock that a change of the site's rows holds.

-- name: DoctorServer :one
SELECT pg_catalog.current_setting('server_version')::text AS version, current_user::text AS login,
    (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)::boolean AS superuser,
    pg_catalog.pg_is_in_recovery()::boolean AS standby,
    (pg_catalog.current_setting('default_transaction_read_only') = 'on')::boolean AS read_only,
    pg_catalog.current_setting('default_transaction_isolation')::text AS isolation, pg_catalog.current_setting('lock_timeout')::text AS lock_timeout;

-- What the service's group may and this login may not. service '': there is no such
-- group, because a DBA makes the roles, or there is no schema.
-- name: DoctorLogin :one
WITH service AS (
    SELECT n.oid AS schema, s.oid, s.rolname
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    JOIN pg_catalog.pg_roles s ON s.rolname = pg_catalog.regexp_replace(r.rolname, 'owner$', '') || 'service'
    WHERE n.nspname = 'sespan'
), missing AS (
    SELECT a.privilege_type || ' on sespan.' || c.relname AS what
    FROM service s JOIN pg_catalog.pg_class c ON c.relnamespace = s.schema
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS a
    WHERE a.grantee = s.oid
      AND NOT CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(current_user, c.oid, a.privilege_type)
                             ELSE pg_catalog.has_table_privilege(current_user, c.oid, a.privilege_type) END
)
SELECT current_user::text AS login, COALESCE((SELECT s.rolname FROM service s), '')::text AS service,
    EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan')::boolean AS has_schema,
    COALESCE((SELECT pg_catalog.has_schema_privilege(current_user, n.oid, 'USAGE') FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan'), false)::boolean AS may_use,
    (SELECT count(*) FROM missing)::int AS missing, COALESCE((SELECT min(m.what) FROM missing m), '')::text AS first_missing;

-- name: DoctorTriggers :many
SELECT t.relation::text AS relation, t.name::text AS name, t.counts::boolean AS counts, t.missing::boolean AS missing
FROM sespan.triggers_off() AS t (relation, name, counts, missing);

-- Of an interrupted CREATE INDEX CONCURRENTLY.
-- name: DoctorInvalidIndexes :many
SELECT pg_catalog.format('sespan.%I', c.relname)::text AS name
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan')
ORDER BY 1;

-- Bytes of the API log, its oldest day, and those of its last whole days (seven at most).
-- name: DoctorAPILog :one
WITH days AS (
    SELECT right(c.relname, 8) AS day, sum(pg_catalog.pg_total_relation_size(c.oid)) AS bytes
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan')
      AND c.relkind = 'r' AND c.relname ~ '^api_log_(body_)?[0-9]{8}$'
    GROUP BY 1
), recent AS (
    SELECT d.bytes FROM days d
    WHERE d.day < to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AND d.day >= to_char(now() AT TIME ZONE 'UTC' - interval '7 days', 'YYYYMMDD')
)
SELECT sespan.api_log_size()::bigint AS bytes,
    COALESCE((SELECT min(d.day) FROM days d WHERE d.day <= to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')), '')::text AS oldest_day,
    (SELECT count(*) FROM recent)::int AS recent_days, COALESCE((SELECT sum(r.bytes) FROM recent r), 0)::bigint AS recent_bytes;

-- Tables of ours with more than twice the dead rows that autovacuum waits for, the worst first.
-- name: DoctorDeadRows :many
SELECT s.relname::text AS relation, s.n_dead_tup::bigint AS dead, s.n_live_tup::bigint AS live,
    COALESCE(greatest(s.last_autovacuum, s.last_vacuum), '0001-01-01 00:00+00')::timestamptz AS vacuumed_at
FROM pg_catalog.pg_stat_all_tables s
WHERE s.schemaname = 'sespan' AND s.n_dead_tup > @least::bigint
  AND s.n_dead_tup > 2 * (pg_catalog.current_setting('autovacuum_vacuum_threshold')::bigint
                          + pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::float8 * s.n_live_tup)
ORDER BY 2 DESC LIMIT 5;

-- Transactions until the server stops for wraparound are about 2100 million less the age.
-- name: DoctorWraparound :one
SELECT c.relname::text AS relation, pg_catalog.age(c.relfrozenxid)::bigint AS age,
    pg_catalog.current_setting('autovacuum_freeze_max_age')::bigint AS freeze_at,
    (pg_catalog.current_setting('autovacuum') = 'on')::boolean AS autovacuum
FROM pg_catalog.pg_class c
WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan') AND c.relkind IN ('r', 'm')
ORDER BY 2 DESC LIMIT 1;

-- The address that most of the last day's newest calls about customers came from. Walks
-- back from the newest row of the log by its key, at most 2000 rows of these types.
-- name: DoctorAddressesSeen :one
WITH seen AS (
    SELECT l.ip, l.customer_id FROM sespan.api_log l
    WHERE l.time_requested > now() - interval '1 day' AND l.request_type IN ('OTP', 'Transaction', 'Login') AND l.ip IS NOT NULL
    ORDER BY l.time_requested DESC LIMIT 2000
)
SELECT COALESCE(t.address, '')::text AS address, COALESCE(t.calls, 0)::int AS calls, COALESCE(t.customers, 0)::int AS customers,
    (SELECT count(*) FROM seen)::int AS all_calls
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (SELECT host(s.ip) AS address, count(*) AS calls, count(DISTINCT s.customer_id) AS customers
                   FROM seen s GROUP BY s.ip ORDER BY 2 DESC, 1 LIMIT 1) AS t ON true;

-- Secret keys by which live codes can be verified alone.
-- name: DoctorCodeKeys :many
SELECT DISTINCT o.key_id FROM sespan.otp o WHERE o.status = 'pending' AND o.valid_until > now();

-- The installation as a message broker knows it. It is only read: serve sets the prefix.
-- name: DoctorInstallation :one
SELECT i.installation_uuid, coalesce(i.broker_prefix, '')::text AS broker_prefix FROM sespan.installation i;

-- Who gave a sign of life: senders within a minute, announcers, which give one each second, within five.
-- "waiting" have had something to announce for three seconds, and no confirmation.
-- name: DoctorDispatch :many
SELECT w.kind = 'announcer' AS announcer, w.dispatch, count(*)::int AS live,
    count(*) FILTER (WHERE w.waiting_since < now() - interval '3 s')::int AS waiting
FROM sespan.mail_worker w
WHERE w.seen_at > now() - CASE w.kind WHEN 'announcer' THEN interval '5 s' ELSE interval '1 minute' END
GROUP BY w.kind, w.dispatch ORDER BY w.kind, w.dispatch;
