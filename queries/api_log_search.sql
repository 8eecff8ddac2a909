-- The search in the API log, newest first. Each statement walks back in time along one
-- index, @walk rows at most, however few of them match, and begins behind a position:
-- its cost depends neither on the size of the log nor on the depth of the page. The row
-- at which the walk ended comes last, whether it matches or not (ordinal = @walk). The
-- bound on response_id in time is the key's; ties are sorted. They lock nothing.

-- name: APILogWalk :many
-- Along the key, for what most rows have.
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
    WHERE l.time_requested >= @from_time::timestamptz AND l.time_requested <= @before_time::timestamptz
        AND (l.time_requested, l.response_id) < (@before_time::timestamptz, @before_id::uuid)
    ORDER BY l.time_requested DESC, l.response_id DESC LIMIT @walk::bigint) AS x
WHERE x.matches OR x.ordinal = @walk::bigint
ORDER BY x.time_requested DESC, x.response_id DESC LIMIT @page_rows::integer;

-- name: APILogWalkCustomer :many
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
    WHERE l.customer_id = sqlc.narg(customer_id)::bigint AND l.time_requested >= @from_time::timestamptz AND l.time_requested <= @before_time::timestamptz
        AND (l.time_requested, l.response_id) < (@before_time::timestamptz, @before_id::uuid)
    ORDER BY l.time_requested DESC, l.response_id DESC LIMIT @walk::bigint) AS x
WHERE x.matches OR x.ordinal = @walk::bigint
ORDER BY x.time_requested DESC, x.response_id DESC LIMIT @page_rows::integer;

-- name: APILogWalkIP :many
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
    WHERE l.ip = sqlc.narg(ip)::inet AND l.time_requested >= @from_time::timestamptz AND l.time_requested <= @before_time::timestamptz
        AND (l.time_requested, l.response_id) < (@before_time::timestamptz, @before_id::uuid)
    ORDER BY l.time_requested DESC, l.response_id DESC LIMIT @walk::bigint) AS x
WHERE x.matches OR x.ordinal = @walk::bigint
ORDER BY x.time_requested DESC, x.response_id DESC LIMIT @page_rows::integer;

-- name: APILogWalkStatus :many
-- Of statuses that are not common: api_log_rare_status_idx.
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
    WHERE l.status = sqlc.narg(status)::smallint AND l.status NOT IN (200, 201, 202) AND l.time_requested >= @from_time::timestamptz AND l.time_requested <= @before_time::timestamptz
        AND (l.time_requested, l.response_id) < (@before_time::timestamptz, @before_id::uuid)
    ORDER BY l.time_requested DESC, l.response_id DESC LIMIT @walk::bigint) AS x
WHERE x.matches OR x.ordinal = @walk::bigint
ORDER BY x.time_requested DESC, x.response_id DESC LIMIT @page_rows::integer;

-- name: APILogWalkType :many
-- Of types that are not common: api_log_rare_type_idx.
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
    WHERE l.request_type = sqlc.narg(request_type)::text AND l.request_type IN ('Report', 'Admin') AND l.time_requested >= @from_time::timestamptz AND l.time_requested <= @before_time::timestamptz
        AND (l.time_requested, l.response_id) < (@before_time::timestamptz, @before_id::uuid)
    ORDER BY l.time_requested DESC, l.response_id DESC LIMIT @walk::bigint) AS x
WHERE x.matches OR x.ordinal = @walk::bigint
ORDER BY x.time_requested DESC, x.response_id DESC LIMIT @page_rows::integer;

-- name: APILogRow :one
-- By the key: the id of an answer begins with the time of its request.
SELECT time_requested, response_id, elapsed_time, request_type, coalesce(request_header ->> ':method', '')::text AS method,
    coalesce(request_header ->> ':path', '')::text AS path, status, outcome, status_details, ip, customer_id, stands_for,
    request_header::text AS request_header, request_body, response_header::text AS response_header, response_body, time_responded
FROM sespan.api_log_full
WHERE time_requested BETWEEN @from_time::timestamptz AND @to_time::timestamptz AND response_id = @response_id::uuid
LIMIT 1;
