-- name: CustomerHelp :one
-- Locks nothing; writes a row of the audit. By indexes, whatever the size of the tables.
SELECT sespan.customer_help(sqlc.narg(customer_id)::bigint, @address_key::text)::text AS found;

-- name: CustomerHelpReset :one
-- Locks the budgets of the address until the transaction ends; the order stands at the function.
SELECT sespan.customer_help_reset(sqlc.narg(customer_id)::bigint, @address_key::text)::int AS uses;
