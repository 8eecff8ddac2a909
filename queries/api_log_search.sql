-- The search in the API log, newest first: a walk back in time along one index, @walk
-- rows at most, however few of them match, that begins behind a position: its cost
-- depends neither on the size of the log nor on the depth of the page. The row at which
-- the walk ended comes last, whether it matches or not (ordinal = @walk).

-- name: APILogWalk :many
-- Locks nothing. It must be planned for each call: @along is a constant then, and what it
-- does not name falls away, so that one index is left that serves condition and order:
-- key, customer, ip, or that of rare statuses or types. The bound on time_requested alone
-- is the key's; ties in time are sorted by response_id.
SELECT x.ordinal::bigint AS ordinal, x.matches::boolean AS matches, x.time_requested, x.response_id, x.elapsed_time, x.request_type,
    coalesce(x.request_header ->> ':method', '')::text AS method, coalesce(x.request_header ->> ':path', '')::text AS path,
    x.status, x.outcome, x.status_details, x.ip, x.customer_id, x.stands_for
FROM (
    SELECT l.time_requested, l.response_id, l.elapsed_time, l.request_type, l.request_header, l.status, l.outcome, l.status_details, l.ip,
        l.customer_id, l.stands_for, row_number() OVER (ORDER BY l.time_requested DESC, l.response_id DESC) AS ordinal,
        coalesce((sqlc.narg(customer_id)::bigint IS NULL OR l.customer_id = sqlc.narg(customer_id)::bigint)
            AND (sqlc.narg(ip)::inet IS NULL OR l.ip = sqlc.narg(ip)::inet)
            AND (sqlc.narg(status)::smallint IS NULL OR l.status = sqlc.narg(status)::smallint)
            AND (sqlc.narg(request_type)::text IS NULL OR l.request_type = sqlc.narg(request_type)::text)
            AND (sqlc.narg(outcome)::text IS NULL OR l.outcome = sqlc.narg(outcome)::text)
            AND (sqlc.narg(response_id)::uuid IS NULL OR l.response_id = sqlc.narg(response_id)::uuid), false) AS matches
    FROM sespan.api_log l
    WHERE (@along::text <> 'customer' OR l.customer_id = sqlc.narg(customer_id)::bigint)
        AND (@along::text <> 'ip' OR l.ip = sqlc.narg(ip)::inet)
        AND (@along::text <> 'status' OR l.status = sqlc.narg(status)::smallint AND l.status NOT IN (200, 201, 202))
        AND (@along::text <> 'type' OR l.request_type = sqlc.narg(request_type)::text AND l.request_type IN ('Report', 'Admin'))
        AND l.time_requested >= @from_time::timestamptz AND l.time_requested <= @before_time::timestamptz
        AND (l.time_requested, l.response_id) < (@before_time::timestamptz, @before_id::uuid)
    ORDER BY l.time_requested DESC, l.response_id DESC LIMIT @walk::bigint) AS x
WHERE x.matches OR x.ordinal = @walk::bigint
ORDER BY x.time_requested DESC, x.response_id DESC LIMIT @page_rows::integer;

-- name: APILogRow :one
-- By the key: the id of an answer begins with the time of its request.
SELECT time_requested, response_id, elapsed_time, request_type, coalesce(request_header ->> ':method', '')::text AS method,
    coalesce(request_header ->> ':path', '')::text AS path, status, outcome, status_details, ip, customer_id, stands_for,
    request_header::text AS request_header, request_body::text AS request_body, response_header::text AS response_header, response_body::text AS response_body, time_responded
FROM sespan.api_log_full
WHERE time_requested BETWEEN @from_time::timestamptz AND @to_time::timestamptz AND response_id = @response_id::uuid
LIMIT 1;
