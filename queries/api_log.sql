-- name: APILogInsert :execrows
-- Many rows in one round trip; the arrays have one element per row. Takes no row
-- lock that anybody else waits for. A row that is there already (a replay) is
-- skipped. ip '' and customer_id 0 stand for NULL, which the arrays cannot hold.
INSERT INTO sespan.api_log (
    response_id, ip, request_type, request_header, request_body, response_header, response_body,
    status, outcome, status_details, time_requested, time_responded, elapsed_time, customer_id, stands_for)
SELECT
    r.response_id, nullif(r.ip, '')::inet, r.request_type, r.request_header::jsonb, r.request_body,
    r.response_header::jsonb, r.response_body, r.status, r.outcome, r.status_details,
    r.time_requested, r.time_responded, r.time_responded - r.time_requested, nullif(r.customer_id, 0), r.stands_for
FROM (SELECT
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
    unnest(@stands_for::int[]) AS stands_for) AS r
ON CONFLICT (time_requested, response_id) DO NOTHING;
