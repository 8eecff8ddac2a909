-- name: CustomerByID :one
SELECT * FROM sespan.customer_by_id(@customer_id::bigint) LIMIT 1;

-- At most two rows: two customers with one address are for the caller to refuse.
-- name: CustomerByEmail :many
SELECT * FROM sespan.customer_by_email(@email::text);

-- Locks the customer's row until the end of the transaction. True if a row changed.
-- name: CustomerActivate :one
SELECT sespan.customer_activate(@customer_id::bigint)::boolean AS activated;
