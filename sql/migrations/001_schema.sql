-- The schema and what every noun shares: the rights on it, the day partitions.

COMMENT ON SCHEMA sespan IS 'Sespan: one-time codes, discount draws, API log and mail queue beside a Django site';

-- tern makes this table before the first migration runs; the line tells readers and sqlc of it.
CREATE TABLE IF NOT EXISTS sespan.schema_version (version int4 NOT NULL);
-- A table without a primary key says what a changed row was by all its columns. Without it the
-- site's CREATE PUBLICATION … FOR ALL TABLES would make our updates and deletions fail.
ALTER TABLE sespan.schema_version REPLICA IDENTITY FULL;
COMMENT ON TABLE sespan.schema_version IS 'One row: the number of the last migration that was applied';
COMMENT ON COLUMN sespan.schema_version.version IS 'Number of the last applied migration, 0 for none';

-- Written with each migration, in its transaction (sql/migrated.sql): it tells a
-- schema of this program from one that files of another wording made.
CREATE TABLE sespan.schema_migration (
    version    int PRIMARY KEY,
    file       text NOT NULL,
    sha256     text NOT NULL CONSTRAINT schema_migration_sha256_check CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sespan.schema_migration IS 'The migrations that made this schema; rows above schema_version are of those that were taken back';
COMMENT ON COLUMN sespan.schema_migration.version IS 'Number of the migration';
COMMENT ON COLUMN sespan.schema_migration.file IS 'Its file';
COMMENT ON COLUMN sespan.schema_migration.sha256 IS 'SHA-256 of the file, in hexadecimal digits';
COMMENT ON COLUMN sespan.schema_migration.applied_at IS 'When it was applied';

-- An index whose CONCURRENTLY build was cut short stays behind, invalid; the
-- migration that builds it runs again, so it has to go first. An invalid index of
-- a partitioned table is no remnant: it waits for those of its partitions.
CREATE FUNCTION sespan.schema_drop_invalid_indexes() RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    remnant regclass;
    dropped int := 0;
BEGIN
    FOR remnant IN
        SELECT c.oid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind = 'i' AND NOT i.indisvalid
    LOOP
        EXECUTE format('DROP INDEX %s', remnant);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION sespan.schema_drop_invalid_indexes() IS
    'Drops what interrupted CREATE INDEX CONCURRENTLY left behind; returns how many. Only for a migrator that holds the schema lock';

-- Who has which right, with the names as GRANT wants them. A right of columns counts as
-- one of their table: REVOKE of a table takes it, too.
CREATE VIEW sespan.schema_right AS
WITH here AS (
    SELECT n.oid, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sespan'
), objects (class, id, object, owner, acl) AS (
    SELECT 'pg_catalog.pg_namespace'::regclass::oid, h.oid, 'SCHEMA sespan', h.nspowner, coalesce(h.nspacl, acldefault('n', h.nspowner)) FROM here h
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, format('%s sespan.%I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname), c.relowner,
        coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
    FROM pg_catalog.pg_class c JOIN here h ON h.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, format('TABLE sespan.%I', c.relname), c.relowner, a.attacl
    FROM pg_catalog.pg_class c JOIN here h ON h.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, format('ROUTINE %s', p.oid::regprocedure), p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_catalog.pg_proc p JOIN here h ON h.oid = p.pronamespace
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass::oid, t.oid, format('TYPE sespan.%I', t.typname), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
    FROM pg_catalog.pg_type t JOIN here h ON h.oid = t.typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c'
)
SELECT (o.class || '.' || o.id)::text AS object_key, o.object::text AS object, w.rolname::text AS owner,
    (CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE g.rolname END)::text AS grantee, x.privilege_type::text AS privilege
FROM objects o JOIN pg_catalog.pg_roles w ON w.oid = o.owner
LEFT JOIN LATERAL aclexplode(o.acl) AS x ON true
LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee;
COMMENT ON VIEW sespan.schema_right IS
    'Each right on the schema and on what stands in it: object as GRANT names it, owner, grantee (PUBLIC for all, NULL for an object without any right) and privilege';

-- Default privileges (ALTER DEFAULT PRIVILEGES, of one schema or of all) give others
-- rights on what we make. What they gave is all that a new object has beside its
-- owner's own, and only then can it be told from what a DBA grants by name.
CREATE FUNCTION sespan.schema_revoke_given(keys text[], but boolean) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given record;
    revoked int := 0;
BEGIN
    FOR given IN
        SELECT DISTINCT r.object, r.grantee FROM sespan.schema_right r
        WHERE r.grantee <> r.owner AND (r.object_key = ANY (keys)) <> but
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', given.object, CASE given.grantee WHEN 'PUBLIC' THEN 'PUBLIC' ELSE quote_ident(given.grantee) END);
        revoked := revoked + 1;
    END LOOP;
    RETURN revoked;
END
$$;
COMMENT ON FUNCTION sespan.schema_revoke_given(text[], boolean) IS
    'Revokes all rights of others on these objects (object_key of schema_right), or, with but, on all others; returns how many rights went. The end of each migration';

CREATE FUNCTION sespan.schema_private(class regclass, object oid) RETURNS int
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sespan.schema_revoke_given(ARRAY[class::oid || '.' || object], false)
$$;
COMMENT ON FUNCTION sespan.schema_private(regclass, oid) IS
    'The same for one object that was just made, given by its catalog and oid: for whatever makes objects after the migrations';

-- One partition per UTC day. A day that has no partition yet goes to the default
-- partition, so that inserts never fail; its rows move when their day is made. With
-- most, a call is short and its locks are, too; what it made stays made.
CREATE FUNCTION sespan.partition_ensure(parent regclass, days int, most int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_day date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    made int := 0;
BEGIN
    IF days NOT BETWEEN 0 AND 400 THEN
        RAISE EXCEPTION 'days must be between 0 and 400, not %', days USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                   WHERE c.oid = parent AND c.relkind = 'p' AND c.relnamespace = 'sespan'::regnamespace) THEN
        RAISE EXCEPTION '% is not a partitioned table of schema sespan', parent USING ERRCODE = 'wrong_object_type';
    END IF;
    -- One maker per table at a time; whoever comes meanwhile leaves it the work.
    IF NOT pg_try_advisory_xact_lock('sespan.schema_version'::regclass::oid::int, parent::oid::int) THEN
        RETURN 0;
    END IF;
    FOR i IN 0..days LOOP
        BEGIN
            made := made + sespan.partition_make(parent, first_day + i)::int;
        EXCEPTION WHEN lock_not_available THEN
            RETURN made; -- a dump reads the default partition, say
        END;
        EXIT WHEN made >= most;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION sespan.partition_ensure(regclass, int, int) IS
    'Makes the partitions of a table of this schema for today and the given number of further UTC days, the next ones first and no more than most (NULL: all); returns how many it made, fewer while another session makes them or has the default partition: call again';

-- CREATE TABLE … PARTITION OF would lock the parent against readers and writers;
-- LIKE and ATTACH take SHARE UPDATE EXCLUSIVE there, and ACCESS EXCLUSIVE only on
-- the default partition, for as long as it takes to look through it.
CREATE FUNCTION sespan.partition_attach(parent regclass, child_name text, lower_bound timestamptz, upper_bound timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    child regclass := to_regclass(format('sespan.%I', child_name));
    fallback regclass := (SELECT p.partdefid::regclass FROM pg_catalog.pg_partitioned_table p
                          WHERE p.partrelid = parent AND p.partdefid <> 0);
    key_column text := (SELECT a.attname FROM pg_catalog.pg_partitioned_table p
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                        WHERE p.partrelid = parent);
BEGIN
    IF child IS NOT NULL AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = child AND i.inhparent = parent) THEN
        RETURN false;
    END IF;
    IF child IS NULL THEN
        EXECUTE format('CREATE TABLE sespan.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)',
                                  child_name, parent);
        IF (SELECT c.relreplident = 'f' FROM pg_catalog.pg_class c WHERE c.oid = parent) THEN -- which LIKE does not copy
            EXECUTE format('ALTER TABLE sespan.%I REPLICA IDENTITY FULL', child_name);
        END IF;
        child := to_regclass(format('sespan.%I', child_name));
        -- It is read through its parent. Where no default privileges gave anything, there is no list of rights.
        IF (SELECT c.relacl IS NOT NULL FROM pg_catalog.pg_class c WHERE c.oid = child) THEN
            PERFORM sespan.schema_private('pg_class', child);
        END IF;
    END IF;
    IF fallback IS NOT NULL THEN
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', fallback);
        EXECUTE format('WITH moved AS (DELETE FROM %s WHERE %I >= $1 AND %I < $2 RETURNING *) INSERT INTO sespan.%I SELECT * FROM moved',
                                  fallback, key_column, key_column, child_name) USING lower_bound, upper_bound;
    END IF;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION sespan.%I FOR VALUES FROM (%L) TO (%L)',
                              parent, child_name, lower_bound, upper_bound);
    RETURN true;
END
$$;
COMMENT ON FUNCTION sespan.partition_attach(regclass, text, timestamptz, timestamptz) IS
    'Makes and attaches a partition of this name and these bounds, and moves their rows out of the default partition; false when it is there';

CREATE FUNCTION sespan.partition_make(parent regclass, day date) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sespan.partition_attach(parent, c.relname || '_' || to_char(day, 'YYYYMMDD'), day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC')
    FROM pg_catalog.pg_class c WHERE c.oid = parent
$$;
COMMENT ON FUNCTION sespan.partition_make(regclass, date) IS
    'Makes and attaches the partition of one UTC day, and moves that day''s rows out of the default partition';

-- How far the partitions reach, and what went past them. Reads the catalogs, and the
-- default partitions up to a bound: they are empty as a rule. ACCESS SHARE on these for
-- a moment, for which partition_attach waits.
CREATE FUNCTION sespan.partition_state(OUT parent text, OUT unit text, OUT ahead int, OUT default_rows bigint) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    utc CONSTANT timestamp := clock_timestamp() AT TIME ZONE 'UTC';
    form text;
BEGIN
    FOR p IN
        SELECT t.partrelid, t.partdefid, c.relname::text AS name FROM pg_partitioned_table t JOIN pg_class c ON c.oid = t.partrelid
        WHERE c.relnamespace = 'sespan'::regnamespace AND NOT c.relispartition ORDER BY c.relname
    LOOP
        parent := p.name;
        unit := CASE WHEN parent ~ '^stats_' THEN 'hour' ELSE 'day' END;
        form := CASE unit WHEN 'hour' THEN 'YYYYMMDDHH24' ELSE 'YYYYMMDD' END;
        -- Those that follow each other without a gap, from this hour or day on.
        SELECT count(*) - 1 INTO ahead
        FROM (SELECT c.relname::text AS name, row_number() OVER (ORDER BY c.relname) - 1 AS n
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = p.partrelid AND i.inhrelid <> p.partdefid AND c.relname::text >= parent || '_' || to_char(utc, form)) x
        WHERE x.name = parent || '_' || to_char(utc + x.n * ('1 ' || unit)::interval, form);
        default_rows := 0;
        IF p.partdefid <> 0 THEN
            EXECUTE format('SELECT count(*) FROM (SELECT FROM %s LIMIT 10000) d', p.partdefid::regclass) INTO default_rows;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.partition_state() IS
    'Each partitioned table: its unit (day or hour, UTC), how many of them after the present one are made without a gap (-1: the present one is missing), and the rows in its default partition, of which 10000 are counted at most';

-- The login of `sespan serve`: a member of the service group and nothing more. It
-- takes a SCRAM verifier, so that no password in clear reaches the server's log.
CREATE FUNCTION sespan.login_ensure(login text, verifier text, service_group text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Somebody else's role of this name is not given rights, nor is its password assumed.
    IF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = login) THEN
        IF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = login AND r.rolcanlogin AND NOT r.rolsuper
                   AND pg_catalog.pg_has_role(r.oid, service_group::name, 'MEMBER')) THEN
            RETURN false;
        END IF;
        RAISE EXCEPTION 'the role % is there already, and is no login of this installation (a login, no superuser, a member of %)', login, service_group
            USING ERRCODE = 'duplicate_object';
    END IF;
    IF verifier !~ '^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
        RAISE EXCEPTION 'the verifier is not of the form SCRAM-SHA-256$…' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L IN ROLE %I', login, verifier, service_group);
    -- The service asks for these itself, but a transaction pooler passes no start-up settings on.
    EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', login, '500ms');
    EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', login, '5s');
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', login, '10s');
    EXECUTE format('ALTER ROLE %I SET default_transaction_isolation = %L', login, 'read committed');
    RETURN true;
END
$$;
COMMENT ON FUNCTION sespan.login_ensure(text, text, text) IS
    'Makes the login role of the service if it is missing; false when it exists, whose password is then left as it is; 42710 when a role of this name is somebody else''s';

---- create above / drop below ----

DROP FUNCTION sespan.login_ensure(text, text, text);

DROP FUNCTION sespan.partition_state();
DROP FUNCTION sespan.partition_ensure(regclass, int, int);
DROP FUNCTION sespan.partition_make(regclass, date);
DROP FUNCTION sespan.partition_attach(regclass, text, timestamptz, timestamptz);
DROP FUNCTION sespan.schema_private(regclass, oid);
DROP FUNCTION sespan.schema_revoke_given(text[], boolean);
DROP VIEW sespan.schema_right;
DROP FUNCTION sespan.schema_drop_invalid_indexes();
DROP TABLE sespan.schema_migration;
