-- name: APILogInsert :exec
-- Many rows in one round trip; the arrays have one element per row. Takes no row
-- lock that anybody else waits for. A row that is there already (a replay) is
-- skipped, with its bodies. ip '' and customer_id 0 stand for NULL, which the arrays cannot hold.
WITH r AS (SELECT
    unnest(@response_id::uuid[]) AS response_id,
    unnest(@ip::text[]) AS ip,
    unnest(@request_type::text[]) AS request_type,
    unnest(@request_header::text[]) AS request_header,
    unnest(@request_body::text[]) AS request_body,
    unnest(@response_header::text[]) AS response_header,
    unnest(@response_body::text[]) AS response_body,
    unnest(@status::smallint[]) AS status,
    unnest(@outcome::text[]) AS outcome,
    unnest(@status_details::text[]) AS status_details,
    unnest(@time_requested::timestamptz[]) AS time_requested,
    unnest(@time_responded::timestamptz[]) AS time_responded,
    unnest(@customer_id::bigint[]) AS customer_id,
    unnest(@stands_for::int[]) AS stands_for
), added AS (
    INSERT INTO sespan.api_log (
        response_id, ip, request_type, request_header, response_header, status, outcome, status_details,
        time_requested, time_responded, elapsed_time, customer_id, stands_for)
    SELECT
        r.response_id, nullif(r.ip, '')::inet, r.request_type, r.request_header::jsonb, r.response_header::jsonb, r.status, r.outcome, r.status_details,
        r.time_requested, r.time_responded, r.time_responded - r.time_requested, nullif(r.customer_id, 0), r.stands_for
    FROM r
    ON CONFLICT (time_requested, response_id) DO NOTHING
    RETURNING response_id
)
INSERT INTO sespan.api_log_body (time_requested, response_id, request_body, response_body)
SELECT r.time_requested, r.response_id, r.request_body, r.response_body
FROM added JOIN r USING (response_id)
WHERE r.request_body <> '' OR r.response_body <> '';

-- name: APILogSize :one
SELECT sespan.api_log_size()::bigint AS bytes;

-- name: APILogRetire :one
-- One step. Locks for it, waiting at most 50 ms: see the function.
SELECT r.outcome::text AS outcome, coalesce(r.day, '')::text AS day FROM sespan.api_log_retire(@max_bytes::bigint, @days::int) AS r(outcome, day);
