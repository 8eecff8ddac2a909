-- The customer: the site's own user table, as Sespan reads it.
--
-- bind-customers replaces the bodies of customer_by_id, customer_by_email,
-- customer_all and customer_update (031_customer_update.sql). They are strings that
-- PostgreSQL reads when they run, so nothing here depends on the site's table: the
-- site may alter, rename and drop its columns, and the binding is then stale until
-- it is renewed.

CREATE TABLE sespan.customer_binding (
    binding_id   smallint    PRIMARY KEY DEFAULT 1 CONSTRAINT customer_binding_is_single CHECK (binding_id = 1),
    table_schema text        NOT NULL,
    table_name   text        NOT NULL,
    columns      jsonb       NOT NULL,
    bound_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sespan.customer_binding IS 'At most one row: the table that bind-customers bound';
COMMENT ON COLUMN sespan.customer_binding.binding_id IS 'Always 1';
COMMENT ON COLUMN sespan.customer_binding.table_schema IS 'Schema of the bound table';
COMMENT ON COLUMN sespan.customer_binding.table_name IS 'Name of the bound table';
COMMENT ON COLUMN sespan.customer_binding.columns IS
    'From our column names to their source: {"email": {"column": "email"}, "phone_number": {"schema": "public", "table": "profile", "column": "phone", "on": "user_id"}}; a name that is missing reads as NULL';
COMMENT ON COLUMN sespan.customer_binding.bound_at IS 'When the binding was last changed';

-- Never read: it is the row type of the functions below.
CREATE VIEW sespan.customer_row AS
SELECT NULL::bigint AS customer_id, NULL::text AS email, NULL::text AS phone_number, NULL::text AS username,
       NULL::boolean AS is_active, NULL::timestamptz AS date_joined, NULL::timestamptz AS updated_at
WHERE false;
COMMENT ON VIEW sespan.customer_row IS 'The row type of a customer; always empty';

CREATE FUNCTION sespan.customer_unbound() RETURNS SETOF sespan.customer_row
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION 'no customer table is bound: run sespan bind-customers' USING ERRCODE = 'SP001';
END
$$;
COMMENT ON FUNCTION sespan.customer_unbound() IS 'Raises SP001; stands in for the customers until a table is bound';

CREATE FUNCTION sespan.customer_by_id(customer_id bigint) RETURNS SETOF sespan.customer_row
LANGUAGE sql STABLE AS 'SELECT * FROM sespan.customer_unbound()';
COMMENT ON FUNCTION sespan.customer_by_id(bigint) IS 'The customer with this key: one row or none. SP001 when no table is bound';

CREATE FUNCTION sespan.customer_by_email(email text, spellings text[] DEFAULT NULL) RETURNS SETOF sespan.customer_row
LANGUAGE sql STABLE AS 'SELECT * FROM sespan.customer_unbound()';
COMMENT ON FUNCTION sespan.customer_by_email(text, text[]) IS
    'Customers with this address, in whatever case its ASCII letters are; beyond ASCII Go gives the spellings of the same address key that a site may have stored, of which the address is then one. Two rows at most, which tells that it is not unique. SP001 when no table is bound';

CREATE FUNCTION sespan.customer_all() RETURNS SETOF sespan.customer_row
LANGUAGE sql STABLE AS 'SELECT * FROM sespan.customer_unbound()';
COMMENT ON FUNCTION sespan.customer_all() IS 'All customers, for the view; a filter does not use the table''s indexes';

CREATE VIEW sespan.customer AS SELECT * FROM sespan.customer_all();
COMMENT ON VIEW sespan.customer IS 'The customers for a person to look at; programs use customer_by_id and customer_by_email';

CREATE FUNCTION sespan.customer_value(relation text, site_column text, type text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.format(CASE type
        WHEN 'pg_catalog.timestamptz' THEN
            'CASE WHEN %1$s.%2$I OPERATOR(pg_catalog.>=) ''0001-01-03'' AND %1$s.%2$I OPERATOR(pg_catalog.<) ''9999-12-30'' THEN %1$s.%2$I::%3$s END'
        ELSE '%1$s.%2$I::%3$s' END, relation, site_column, type)
$$;
COMMENT ON FUNCTION sespan.customer_value(text, text, text) IS 'SQL text that reads a column of the site as one of our types. A part of customer_source';

-- What stands in the select list for one of our columns. A moment that Go, Python and
-- JSON cannot hold (infinity, BC, years of five digits) reads as NULL, and so it does
-- where the site's column is a date or has no zone and the cast itself would fail. The
-- model of a site says that NULL is not active, whatever its column lets in: only a
-- column that is not bound reads as NULL there.
CREATE FUNCTION sespan.customer_source(columns jsonb, name text, type text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN source IS NULL THEN pg_catalog.format('NULL::%s', type)
        WHEN source ? 'table' THEN pg_catalog.format(
            '(SELECT %s FROM %I.%I AS r WHERE r.%I OPERATOR(pg_catalog.=) u.%I LIMIT 1)',
            sespan.customer_value('r', source ->> 'column', type), source ->> 'schema', source ->> 'table', source ->> 'on',
            columns #>> '{customer_id,column}')
        WHEN name = 'is_active' THEN pg_catalog.format('COALESCE(%s, false)', sespan.customer_value('u', source ->> 'column', type))
        ELSE sespan.customer_value('u', source ->> 'column', type)
    END
    FROM (VALUES (columns -> name)) AS v (source)
$$;
COMMENT ON FUNCTION sespan.customer_source(jsonb, text, text) IS 'SQL text that reads one of our columns from the bound table';

-- Turkish and its like have other pairs of letters in upper and lower case.
CREATE FUNCTION sespan.customer_collation_plain(collation_oid oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    plain boolean := upper('i') = 'I' AND lower('I') = 'i';
    name text := (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
                  WHERE c.oid = collation_oid AND c.collprovider <> 'd');
BEGIN
    IF plain AND name IS NOT NULL THEN
        EXECUTE format('SELECT upper(''i'' COLLATE %1$s) COLLATE "C" = ''I'' AND lower(''I'' COLLATE %1$s) COLLATE "C" = ''i''', name) INTO plain;
    END IF;
    RETURN plain;
END
$$;
COMMENT ON FUNCTION sespan.customer_collation_plain(oid) IS
    'Whether a collation, and the database''s own, pair ASCII letters as ASCII does: else an index on upper() or lower() of a column in it finds no address';

-- How an address is looked up: $2 has its spellings, NULL for $1 alone. Who is found
-- is believed where the address is one of them but for the case of ASCII letters,
-- whatever the locale; an index on lower(… COLLATE "C") serves that. The indexes that
-- sites have, on upper() or lower(), or of a type or collation that ignores case by
-- itself, and perhaps accents too, find candidates where the locale pairs i with I.
CREATE FUNCTION sespan.customer_match(relation oid, email_column text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN sespan.customer_collation_plain(a.attcollation) THEN
        CASE
            WHEN t.typname = 'citext' THEN format('u.%I OPERATOR(%I.=) ANY (COALESCE($2, ARRAY[$1])::%2$I.citext[]) AND ', a.attname, n.nspname)
            WHEN NOT c.collisdeterministic THEN format('u.%I::pg_catalog.text OPERATOR(pg_catalog.=) ANY (COALESCE($2, ARRAY[$1])) AND ', a.attname)
            ELSE ''
        END || format(
            'pg_catalog.upper(u.%1$I::pg_catalog.text%2$s) OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT pg_catalog.upper(s%3$s) FROM pg_catalog.unnest(COALESCE($2, ARRAY[$1])) s)) AND '
            'pg_catalog.lower(u.%1$I::pg_catalog.text%2$s) OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT pg_catalog.lower(s%3$s) FROM pg_catalog.unnest(COALESCE($2, ARRAY[$1])) s)) AND ',
            a.attname, f.own, COALESCE(f.own, CASE WHEN c.oid IS NOT NULL THEN format(' COLLATE %I.%I', cn.nspname, c.collname) END))
        ELSE ''
    END || format(
        'pg_catalog.lower(u.%1$I::pg_catalog.text COLLATE pg_catalog."C") OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT pg_catalog.lower(s COLLATE pg_catalog."C") FROM pg_catalog.unnest(COALESCE($2, ARRAY[$1])) s))',
        a.attname)
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_collation c ON c.oid = a.attcollation
    LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace
    CROSS JOIN LATERAL (SELECT CASE WHEN t.typname = 'citext' OR NOT c.collisdeterministic THEN ' COLLATE pg_catalog."default"' END AS own) f
    WHERE a.attrelid = relation AND a.attname = email_column AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION sespan.customer_match(oid, text) IS 'SQL text that compares the bound e-mail column with the spellings of an address in $2, or with $1';

-- Replaces a function unless it is as wanted already, and tells whether it did.
CREATE FUNCTION sespan.customer_function(signature text, declaration text, body text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET check_function_bodies = off AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc p WHERE p.oid = ('sespan.' || signature)::regprocedure AND p.prosrc = body) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION sespan.%s AS %L', declaration, body);
    RETURN true;
END
$$;
COMMENT ON FUNCTION sespan.customer_function(text, text, text) IS 'Replaces the body of a customer function, if it differs; true if it did';

CREATE FUNCTION sespan.customer_bodies(by_id text, by_email text, every text) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT pg_catalog.bool_or(changed) FROM (VALUES
        (sespan.customer_function('customer_by_id(bigint)',
            'customer_by_id(customer_id bigint) RETURNS SETOF sespan.customer_row LANGUAGE sql STABLE', by_id)),
        (sespan.customer_function('customer_by_email(text, text[])',
            'customer_by_email(email text, spellings text[] DEFAULT NULL) RETURNS SETOF sespan.customer_row LANGUAGE sql STABLE', by_email)),
        (sespan.customer_function('customer_all()',
            'customer_all() RETURNS SETOF sespan.customer_row LANGUAGE sql STABLE', every))
    ) AS f (changed)
$$;
COMMENT ON FUNCTION sespan.customer_bodies(text, text, text) IS 'Replaces the bodies of the three functions that read customers; true if any differed';

-- The key is compared in its own type (integer with bigint is one operator
-- family), so its index serves; a cast on the column would hide it.
CREATE FUNCTION sespan.customer_bind(relation oid, columns jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schema_name text;
    relation_name text;
    key_name text := columns #>> '{customer_id,column}';
    select_all text;
    remembered boolean;
    remade boolean;
BEGIN
    SELECT n.nspname, c.relname INTO STRICT schema_name, relation_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
    select_all := format('SELECT %s, %s, %s, %s, %s, %s, %s FROM %I.%I AS u',
        sespan.customer_source(columns, 'customer_id', 'pg_catalog.int8'), sespan.customer_source(columns, 'email', 'pg_catalog.text'),
        sespan.customer_source(columns, 'phone_number', 'pg_catalog.text'), sespan.customer_source(columns, 'username', 'pg_catalog.text'),
        sespan.customer_source(columns, 'is_active', 'pg_catalog.bool'), sespan.customer_source(columns, 'date_joined', 'pg_catalog.timestamptz'),
        sespan.customer_source(columns, 'updated_at', 'pg_catalog.timestamptz'), schema_name, relation_name);
    INSERT INTO sespan.customer_binding AS b (table_schema, table_name, columns)
    VALUES (schema_name, relation_name, customer_bind.columns)
    ON CONFLICT (binding_id) DO UPDATE
    SET table_schema = EXCLUDED.table_schema, table_name = EXCLUDED.table_name, columns = EXCLUDED.columns, bound_at = now()
    WHERE (b.table_schema, b.table_name, b.columns) IS DISTINCT FROM (EXCLUDED.table_schema, EXCLUDED.table_name, EXCLUDED.columns);
    remembered := FOUND;
    remade := sespan.customer_update_make(sespan.customer_update_body(relation, columns), sespan.customer_path(relation));
    RETURN sespan.customer_bodies(
        format('%s WHERE u.%I OPERATOR(pg_catalog.=) $1', select_all, key_name),
        format('%s WHERE %s LIMIT 2', select_all, sespan.customer_match(relation, columns #>> '{email,column}')),
        select_all) OR remembered OR remade;
END
$$;
COMMENT ON FUNCTION sespan.customer_bind(oid, jsonb) IS
    'Binds a table: writes the bodies of the customer functions and remembers the columns (see customer_binding.columns); true if anything changed';

-- The tables whose rows go with their customer, as far as they exist yet.
CREATE FUNCTION sespan.customer_children() RETURNS TABLE (child regclass, fkey name)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid::regclass, (c.relname || '_customer_id_fkey')::name
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'sespan'::regnamespace AND c.relkind = 'r' AND c.relname IN ('otp', 'otp_activation')
    ORDER BY c.relname
$$;
COMMENT ON FUNCTION sespan.customer_children() IS 'Our tables that have a foreign key to the customers while a table is bound, and its name';

CREATE FUNCTION sespan.customer_unbind() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM sespan.customer_children() LOOP
        IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.child AND conname = c.fkey) THEN
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.child, c.fkey);
        END IF;
    END LOOP;
    UPDATE sespan.installation SET (customer_schema, customer_table, customer_columns) =
        (b.table_schema, b.table_name, b.columns) FROM sespan.customer_binding AS b; -- for bind-customers to come
    DELETE FROM sespan.customer_binding;
    PERFORM sespan.customer_update_make('BEGIN PERFORM sespan.customer_unbound(); RETURN NULL; END', 'pg_catalog, pg_temp');
    RETURN sespan.customer_bodies('SELECT * FROM sespan.customer_unbound()', 'SELECT * FROM sespan.customer_unbound()',
        'SELECT * FROM sespan.customer_unbound()');
END
$$;
COMMENT ON FUNCTION sespan.customer_unbind() IS
    'Ends the binding, which sespan.installation remembers, and drops the foreign keys to the customers; true if a table was bound. Takes ACCESS EXCLUSIVE on the tables of customer_children and the bound table for a moment';

-- The columns of the site that a binding uses, and for what.
CREATE FUNCTION sespan.customer_columns(table_schema text, table_name text, columns jsonb)
RETURNS TABLE (name text, site_schema text, site_table text, site_column text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT c.key, COALESCE(c.value ->> 'schema', table_schema), COALESCE(c.value ->> 'table', table_name), s.site_column
    FROM pg_catalog.jsonb_each(columns) AS c
    CROSS JOIN LATERAL (VALUES (c.value ->> 'column'), (c.value ->> 'on')) AS s (site_column)
    WHERE s.site_column IS NOT NULL
$$;
COMMENT ON FUNCTION sespan.customer_columns(text, text, jsonb) IS 'One row for each column of the site that a binding reads';

CREATE FUNCTION sespan.customer_grants(relation oid, columns jsonb, service name, owner name) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH used AS (
        SELECT DISTINCT t.oid, n.oid AS namespace, n.nspname, t.relname, a.attnum, a.attname, c.name, t.oid = relation AS is_bound
        FROM pg_class b
        JOIN pg_namespace bn ON bn.oid = b.relnamespace
        CROSS JOIN LATERAL sespan.customer_columns(bn.nspname, b.relname, customer_grants.columns) AS c
        JOIN pg_namespace n ON n.nspname = c.site_schema
        JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = c.site_table
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = c.site_column
        WHERE b.oid = relation
    ), needed AS (
        SELECT oid, nspname, relname, attname, attnum, 'SELECT' AS privilege, service AS grantee FROM used
        UNION
        SELECT oid, nspname, relname, attname, attnum, 'UPDATE', service FROM used WHERE is_bound AND name IN ('is_active', 'updated_at')
        UNION
        SELECT oid, nspname, relname, attname, attnum, 'REFERENCES', owner FROM used WHERE is_bound AND name = 'customer_id'
    ), surplus AS (
        SELECT u.nspname, u.relname, a.attname, a.attnum, x.privilege_type
        FROM (SELECT DISTINCT oid, nspname, relname FROM used) AS u
        JOIN pg_attribute a ON a.attrelid = u.oid AND NOT a.attisdropped
        CROSS JOIN LATERAL aclexplode(a.attacl) AS x
        JOIN pg_roles r ON r.oid = x.grantee AND r.rolname = service
        WHERE (u.oid, a.attnum, x.privilege_type) NOT IN (SELECT oid, attnum, privilege FROM needed WHERE grantee = service)
    )
    SELECT format('GRANT USAGE ON SCHEMA %I TO %I', u.nspname, r.grantee)
    FROM (SELECT DISTINCT namespace, nspname FROM used) AS u CROSS JOIN (VALUES (service), (owner)) AS r (grantee)
    WHERE NOT has_schema_privilege(r.grantee, u.namespace, 'USAGE')
    UNION ALL
    SELECT format('GRANT %s (%s) ON %I.%I TO %I', privilege, string_agg(format('%I', attname), ', ' ORDER BY attnum), nspname, relname, grantee)
    FROM needed WHERE NOT has_column_privilege(grantee, oid, attname, privilege) GROUP BY privilege, nspname, relname, grantee
    UNION ALL
    SELECT format('REVOKE %s (%s) ON %I.%I FROM %I', privilege_type, string_agg(format('%I', attname), ', ' ORDER BY attnum), nspname, relname, service)
    FROM surplus GROUP BY privilege_type, nspname, relname
$$;
COMMENT ON FUNCTION sespan.customer_grants(oid, jsonb, name, name) IS
    'What the owner of the bound tables has to run: the GRANTs that are missing for a binding, and REVOKEs of column rights that it does not need';

CREATE FUNCTION sespan.customer_relation() RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid FROM sespan.customer_binding AS b
    JOIN pg_namespace AS n ON n.nspname = b.table_schema JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = b.table_name
$$;
COMMENT ON FUNCTION sespan.customer_relation() IS 'The bound table; NULL where none is bound, or it does not exist';

-- A caller that serves another table, as one tenant's site beside another's, means
-- other people by the same keys.
CREATE FUNCTION sespan.customer_table_check(customer_table text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound CONSTANT text := (SELECT format('%I.%I', b.table_schema, b.table_name) FROM sespan.customer_binding AS b
                            WHERE customer_table NOT IN (format('%I.%I', b.table_schema, b.table_name), b.table_schema || '.' || b.table_name));
BEGIN
    IF bound IS NOT NULL THEN
        RAISE EXCEPTION 'the customers are those of %, not of %', bound, left(customer_table, 200)
            USING ERRCODE = 'SP006', HINT = 'Sespan serves one table of customers: bind the other one in its place, or leave Sespan out where that one is used';
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.customer_table_check(text) IS 'Raises SP006 when another table than this one (schema.table, quoted as in SQL or not at all) is bound; NULL is any';

-- Rows of a child (INHERITS) are read and changed through the table, and no foreign key finds them.
CREATE FUNCTION sespan.customer_heirs(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhrelid::regclass::text)
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = relation AND NOT c.relispartition
$$;
COMMENT ON FUNCTION sespan.customer_heirs(oid) IS 'The tables that inherit from a table without being its partitions, NULL for none: whom a row of theirs is can get no code';

CREATE FUNCTION sespan.customer_binding_state() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound sespan.customer_binding;
    relation oid;
    missing text;
BEGIN
    SELECT * INTO bound FROM sespan.customer_binding;
    IF NOT FOUND THEN
        RETURN 'unbound: no customer table is bound';
    END IF;
    relation := sespan.customer_relation();
    IF relation IS NULL THEN
        RETURN format('stale: table %I.%I does not exist', bound.table_schema, bound.table_name);
    ELSIF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relkind IN ('r', 'p')) THEN
        RETURN format('stale: %I.%I is no table any more', bound.table_schema, bound.table_name);
    END IF;
    SELECT string_agg(DISTINCT format('%I.%I.%I', c.site_schema, c.site_table, c.site_column), ', ') INTO missing
    FROM sespan.customer_columns(bound.table_schema, bound.table_name, bound.columns) AS c
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE n.nspname = c.site_schema AND t.relname = c.site_table AND a.attname = c.site_column AND NOT a.attisdropped);
    IF missing IS NOT NULL THEN
        RETURN format('stale: column %s does not exist', missing);
    END IF;
    IF NOT EXISTS (
        -- A domain prints as the type does that it is of in the end: judged as in CustomerTableColumns.
        SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = relation AND a.attname = bound.columns #>> '{customer_id,column}' AND t.typoutput IN ('int2out'::regproc, 'int4out'::regproc, 'int8out'::regproc)) THEN
        RETURN format('stale: column %I of %I.%I is no integer any more', bound.columns #>> '{customer_id,column}', bound.table_schema, bound.table_name);
    END IF;
    SELECT string_agg(DISTINCT format('%I.%I.%I', c.site_schema, c.site_table, c.site_column), ', ') INTO missing
    FROM sespan.customer_columns(bound.table_schema, bound.table_name, bound.columns) AS c
    JOIN pg_namespace n ON n.nspname = c.site_schema
    JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = c.site_table
    WHERE NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_column_privilege(t.oid, c.site_column, 'SELECT')
        OR (t.oid = relation AND c.name IN ('is_active', 'updated_at') AND NOT has_column_privilege(t.oid, c.site_column, 'UPDATE'));
    IF missing IS NOT NULL THEN
        RETURN format('refused: %s may not use %s', current_user, missing);
    END IF;
    IF row_security_active(relation) AND NOT EXISTS (
        SELECT FROM pg_policy AS p CROSS JOIN LATERAL unnest(p.polroles) AS r (member)
        WHERE p.polrelid = relation AND p.polpermissive AND p.polcmd IN ('*', 'r') AND (r.member = 0 OR pg_has_role(r.member, 'USAGE'))) THEN
        RETURN format('refused: row-level security hides %I.%I from %s, for whom there is no policy', bound.table_schema, bound.table_name, current_user);
    END IF;
    SELECT string_agg(DISTINCT format('%s refers to %s', k.conname, k.confrelid::regclass), ', ') INTO missing
    FROM sespan.customer_children() AS c JOIN pg_constraint AS k ON k.conrelid = c.child AND k.conname = c.fkey AND k.confrelid <> relation;
    IF missing IS NOT NULL THEN
        RETURN format('stale: another table stands in the place of the bound one: %s', missing);
    END IF;
    SELECT string_agg(c.fkey, ', ') INTO missing FROM sespan.customer_children() AS c
    WHERE NOT EXISTS (SELECT FROM pg_constraint k
                      WHERE k.conrelid = c.child AND k.conname = c.fkey AND k.confrelid = relation AND k.convalidated);
    IF missing IS NOT NULL THEN
        RETURN format('bound: foreign key %s is missing or not validated', missing);
    END IF;
    missing := sespan.customer_heirs(relation);
    IF missing IS NOT NULL THEN
        RETURN format('bound: customers whose row is in %s, which inherits from %I.%I, get no codes: a foreign key does not find them', missing, bound.table_schema, bound.table_name);
    END IF;
    RETURN 'bound';
END
$$;
COMMENT ON FUNCTION sespan.customer_binding_state() IS
    'unbound, stale, refused (the current user lacks a right) or bound; after a colon why. All but bound need sespan bind-customers';

---- create above / drop below ----

DROP FUNCTION sespan.customer_binding_state();
DROP FUNCTION sespan.customer_heirs(oid);
DROP FUNCTION sespan.customer_table_check(text);
DROP FUNCTION sespan.customer_relation();
DROP FUNCTION sespan.customer_grants(oid, jsonb, name, name);
DROP FUNCTION sespan.customer_columns(text, text, jsonb);
DROP FUNCTION sespan.customer_unbind();
DROP FUNCTION sespan.customer_children();
DROP FUNCTION sespan.customer_bind(oid, jsonb);
DROP FUNCTION sespan.customer_bodies(text, text, text);
DROP FUNCTION sespan.customer_function(text, text, text);
DROP FUNCTION sespan.customer_match(oid, text);
DROP FUNCTION sespan.customer_collation_plain(oid);
DROP FUNCTION sespan.customer_source(jsonb, text, text), sespan.customer_value(text, text, text);
DROP VIEW sespan.customer;
DROP FUNCTION sespan.customer_all();
DROP FUNCTION sespan.customer_by_email(text, text[]);
DROP FUNCTION sespan.customer_by_id(bigint);
DROP FUNCTION sespan.customer_unbound();
DROP VIEW sespan.customer_row;
DROP TABLE sespan.customer_binding;
