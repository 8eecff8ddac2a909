-- name: CustomerKnown :one
-- Locks nothing.
SELECT sespan.customer_known(@customer_id::bigint)::boolean AS known;

-- name: CustomerHeld :many
-- The site's own row, with the rights of the caller.
SELECT c.customer_id::bigint AS customer_id, coalesce(c.email, '')::text AS email, to_jsonb(c)::text AS details
FROM sespan.customer_by_id(@customer_id::bigint) AS c;

-- name: CustomerHeldByEmail :many
-- Two rows at most, which tells that the address is not of one customer.
SELECT c.customer_id::bigint AS customer_id, coalesce(c.email, '')::text AS email, to_jsonb(c)::text AS details
FROM sespan.customer_by_email(NULL, @spellings::text[]) AS c;

-- name: CustomerExport :one
-- One step; locks nothing.
SELECT section::text AS section, items::text AS items, coalesce(next_step, '')::text AS next_step
FROM sespan.customer_export(sqlc.narg(customer_id)::bigint, @addresses::text[], nullif(@next::text, ''));

-- name: CustomerErase :one
-- One step, a transaction of its own. What it locks stands at the function.
SELECT section::text AS section, done::text AS done, coalesce(next_step, '')::text AS next_step
FROM sespan.customer_erase(sqlc.narg(customer_id)::bigint, @addresses::text[], nullif(@next::text, ''));
