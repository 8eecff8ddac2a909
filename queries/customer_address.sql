-- Where the bound addresses stand, which is in the bound table itself, and how they are indexed: for look-ups as in
-- CustomerEmailIndexed, and unique in the same sense, empty ones perhaps apart.
-- name: CustomerAddressIndexes :one
WITH bound AS (
    SELECT t.oid AS relation, a.attnum, pg_catalog.format('%I.%I', n.nspname, t.relname) AS qualified, pg_catalog.quote_ident(a.attname) AS email,
           y.typname = 'citext' OR NOT coalesce(l.collisdeterministic, true) AS folds, sespan.customer_collation_plain(a.attcollation) AS plain
    FROM sespan.customer_binding AS b
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = b.table_schema
    JOIN pg_catalog.pg_class AS t ON t.relnamespace = n.oid AND t.relname = b.table_name
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attname = b.columns #>> '{email,column}'
    JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
), serving AS (
    SELECT i.indisunique AND i.indimmediate AND i.indnkeyatts = 1 AS is_unique, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate
    FROM pg_catalog.pg_index AS i JOIN bound AS b ON b.relation = i.indrelid
    CROSS JOIN LATERAL (SELECT pg_catalog.translate(pg_catalog.replace(pg_catalog.pg_get_indexdef(i.indexrelid, 1, true), '::text', ''), '()', '') AS expression) AS d
    WHERE i.indisvalid AND (
        d.expression = 'lower' || b.email || ' COLLATE "C"'
        OR b.plain AND (d.expression IN ('upper' || b.email, 'lower' || b.email) OR b.folds AND i.indkey[0] = b.attnum))
)
SELECT b.qualified::text AS qualified, b.email::text AS email, b.plain::boolean AS plain,
       EXISTS (SELECT FROM serving AS s WHERE s.predicate IS NULL)::boolean AS indexed,
       EXISTS (SELECT FROM serving AS s WHERE s.is_unique AND (s.predicate IS NULL OR s.predicate LIKE '%<> ''''%'))::boolean AS is_unique
FROM bound AS b;

-- Ends what follows in this transaction after so many milliseconds.
-- name: CustomerAddressBound :exec
SELECT pg_catalog.set_config('statement_timeout', (@milliseconds::bigint)::text, true);

-- Addresses of more than one customer, counted up to most, and whether no address
-- is one of them. Beyond ASCII those alone that are written alike. Follows CustomerAddressBound, because it reads every customer.
-- name: CustomerAddressShared :one
SELECT count(*) FILTER (WHERE s.address <> '')::int AS shared, coalesce(bool_or(s.address = ''), false)::boolean AS empty
FROM (
    SELECT pg_catalog.lower(c.email COLLATE "C") AS address FROM sespan.customer_all() AS c
    WHERE c.email IS NOT NULL GROUP BY pg_catalog.lower(c.email COLLATE "C") HAVING count(*) > 1 LIMIT @most::int
) AS s;
