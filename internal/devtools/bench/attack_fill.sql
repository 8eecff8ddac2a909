-- A day of the log, so many days ago: 2,500 calls with bodies of eight kilobytes.
WITH added AS (
    INSERT INTO sespan.api_log (response_id, request_type, request_header, response_header, status, outcome, status_details, time_requested, time_responded, elapsed_time)
    SELECT gen_random_uuid(), 'Login', '{":method": "POST", ":path": "/v1/logins"}', '{}', 201, 'success', '', t.at, t.at, '2 ms'
    FROM generate_series(1, 2500) i, LATERAL (SELECT date_trunc('day', now(), 'UTC') - make_interval(days => $1::int) + make_interval(secs => i) AS at) t
    RETURNING time_requested, response_id)
INSERT INTO sespan.api_log_body (time_requested, response_id, request_body, response_body)
SELECT a.time_requested, a.response_id, (SELECT string_agg(md5(a.response_id::text || j), '') FROM generate_series(1, 250) j), '' FROM added a
