-- name: CustomerBindingState :one
SELECT sespan.customer_binding_state()::text AS state;

-- An empty schema name means: as this login's search path finds it.
-- name: CustomerTableFind :one
SELECT c.oid::bigint AS relation, n.nspname::text AS table_schema, c.relname::text AS table_name, c.relkind::text AS kind
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = @table_name::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND CASE WHEN @table_schema::text = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = @table_schema::text END;

-- Tables to suggest when another name was given.
-- name: CustomerTableList :many
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)::text AS qualified, c.relname::text AS table_name,
    EXISTS (SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname ~ 'e_?mail')::boolean AS has_email
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'sespan') AND n.nspname !~ '^pg_'
ORDER BY 1 LIMIT 5000;

-- The kind is integer, text, boolean, time or other; a domain, which prints as
-- the type does that it is of in the end, counts as that, as in sespan.customer_binding_state.
-- Unique: an index of this column alone that a foreign key may refer to.
-- name: CustomerTableColumns :many
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod)::text AS type,
    (CASE
        WHEN t.typoutput IN ('pg_catalog.int2out'::pg_catalog.regproc, 'pg_catalog.int4out'::pg_catalog.regproc, 'pg_catalog.int8out'::pg_catalog.regproc) THEN 'integer'
        WHEN t.typcategory = 'S' THEN 'text'
        WHEN t.typoutput = 'pg_catalog.boolout'::pg_catalog.regproc THEN 'boolean'
        WHEN t.typoutput IN ('pg_catalog.timestamptz_out'::pg_catalog.regproc, 'pg_catalog.timestamp_out'::pg_catalog.regproc, 'pg_catalog.date_out'::pg_catalog.regproc) THEN 'time'
        ELSE 'other'
    END)::text AS kind,
    EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey))::boolean AS in_primary_key,
    EXISTS (SELECT FROM pg_catalog.pg_index i
            WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
                AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)::boolean AS is_unique
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = (@relation::bigint)::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- The table with an e-mail column that this one's key refers to, '' for none.
-- name: CustomerParent :one
SELECT COALESCE((
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum] AND a.attname = @key_column::text
    JOIN pg_catalog.pg_class c ON c.oid = k.confrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE k.conrelid = (@relation::bigint)::oid AND k.contype = 'f'
        AND EXISTS (SELECT FROM pg_catalog.pg_attribute e WHERE e.attrelid = c.oid AND NOT e.attisdropped AND e.attname ~ 'e_?mail')
    ORDER BY k.conname LIMIT 1), '')::text AS parent;

-- Whether an index serves a look-up by address: on lower(… COLLATE "C") of the column;
-- or, where its locale pairs i with I, on upper() or lower() of it, or on the column
-- itself where its type or collation compares without case. Texts of indexes are
-- compared without brackets and casts.
-- name: CustomerEmailIndexed :one
SELECT sespan.customer_collation_plain((
    SELECT x.attcollation FROM pg_catalog.pg_attribute x WHERE x.attrelid = (@relation::bigint)::oid AND x.attname = @email_column::text
))::boolean AS plain, EXISTS (
    SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attname = @email_column::text
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    WHERE i.indrelid = (@relation::bigint)::oid AND i.indisvalid AND i.indpred IS NULL
        AND (pg_catalog.translate(pg_catalog.replace(pg_catalog.pg_get_indexdef(i.indexrelid, 1, true), '::text', ''), '()', '')
                = pg_catalog.format('lower%I COLLATE "C"', a.attname)
            OR sespan.customer_collation_plain(a.attcollation) AND (
                pg_catalog.translate(pg_catalog.replace(pg_catalog.pg_get_indexdef(i.indexrelid, 1, true), '::text', ''), '()', '')
                    IN (pg_catalog.format('upper%I', a.attname), pg_catalog.format('lower%I', a.attname))
                OR i.indkey[0] = a.attnum AND (t.typname = 'citext' OR NOT l.collisdeterministic)))
)::boolean AS indexed;

-- name: CustomerQuote :one
SELECT pg_catalog.format('%I.%I', @table_schema::text, @table_name::text)::text AS qualified;

-- Locks nothing of the site.
-- name: CustomerBind :one
SELECT sespan.customer_bind((@relation::bigint)::oid, @columns::jsonb)::boolean AS changed;

-- Locks sespan.otp and the bound table (ACCESS EXCLUSIVE) for a moment.
-- name: CustomerUnbind :one
SELECT sespan.customer_unbind()::boolean AS changed;

-- Where the key is missing: SHARE ROW EXCLUSIVE on sespan.otp and the bound table for a moment.
-- name: CustomerReference :one
SELECT sespan.customer_reference((@relation::bigint)::oid, @key_column::text)::text AS state;

-- Reads all codes while others read and write them.
-- name: CustomerReferenceValidate :one
SELECT sespan.customer_reference_validate()::bigint AS orphans;

-- name: CustomerGrants :many
SELECT g::text AS statement
FROM sespan.customer_grants((@relation::bigint)::oid, @columns::jsonb, (@service::text)::name, (@owner::text)::name) AS g;

-- Locks nothing of the site's; makes the update of customers run with the rights of the table's owner.
-- name: CustomerHandOver :one
SELECT sespan.customer_hand_over((@relation::bigint)::oid)::boolean AS changed;

-- Locks one customer, NOWAIT, changes it and undoes that: the caller rolls back at once, too.
-- name: CustomerTry :one
SELECT sespan.customer_try()::text AS tried;

-- The bound table, as other callers are to name it. No row: none is bound.
-- name: CustomerBound :one
SELECT b.table_schema, b.table_name FROM sespan.customer_binding AS b;

-- name: CustomerHeirs :one
SELECT COALESCE(sespan.customer_heirs((@relation::bigint)::oid), '')::text AS heirs;

-- What hangs on the customers: codes and rights to activate.
-- name: CustomerLeft :one
SELECT (SELECT count(*) FROM sespan.otp)::bigint AS codes, (SELECT count(*) FROM sespan.otp_activation)::bigint AS rights;

-- Challenges go with their last code. ROW EXCLUSIVE on sespan.otp; whoever verifies a
-- code at this moment is waited for.
-- name: CustomerForgetCodes :exec
DELETE FROM sespan.otp;

-- name: CustomerForgetRights :exec
DELETE FROM sespan.otp_activation;

-- Whether codes refer to this very table and key ('' for any) already, whatever they
-- were called when they were bound.
-- name: CustomerReferred :one
SELECT EXISTS (
    SELECT FROM sespan.customer_children() AS c
    JOIN pg_catalog.pg_constraint k ON k.conrelid = c.child AND k.conname = c.fkey
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
    WHERE k.confrelid = (@relation::bigint)::oid AND (@key_column::text = '' OR a.attname = @key_column))::boolean AS referred;

-- What our roles still may do with tables (schema.table) that a binding no longer uses.
-- name: CustomerFormerGrants :many
SELECT pg_catalog.format('REVOKE ALL ON %I.%I FROM %I', n.nspname, c.relname, r.rolname)::text AS statement
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles r ON r.rolname = ANY (@roles::text[])
WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY (@tables::text[])
  AND (EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x WHERE x.grantee = r.oid)
       OR EXISTS (SELECT FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND x.grantee = r.oid))
ORDER BY 1;
