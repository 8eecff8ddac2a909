-- Rows $1 to $2 of $3, over the year before now: bodies of 100 bytes, five types of which
-- two are rare, statuses of which some are rare, 10,000 addresses, 50,000 customers.
WITH added AS (
INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header,
    status, outcome, status_details, time_requested, time_responded, elapsed_time, customer_id)
SELECT (lpad(to_hex((extract(epoch FROM x.at) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid,
       '10.0.0.0'::inet + (i * 7919) % 10000,
       CASE WHEN i % 1000 = 1 THEN 'Admin' WHEN i % 200 = 2 THEN 'Report' WHEN i % 10 < 3 THEN 'OTP' WHEN i % 10 < 6 THEN 'Login' ELSE 'Transaction' END,
       '{":method": "POST", ":path": "/v1/transactions", "content-type": "application/json"}', '{"content-type": "application/json"}',
       x.status, CASE WHEN x.status < 400 THEN 'success' ELSE 'failure' END, CASE WHEN x.status < 400 THEN '' ELSE 'invalid' END,
       x.at, x.at + interval '7 ms', interval '7 ms', CASE WHEN i % 3 > 0 THEN (i * 104729) % 50000 + 1 END
FROM generate_series($1::bigint, $2::bigint) AS i
CROSS JOIN LATERAL (SELECT now() - interval '365 days' + interval '365 days' * (i::float8 / $3::bigint) - interval '1 minute' AS at,
    (CASE WHEN i % 20 = 5 THEN 401 WHEN i % 50 = 6 THEN 422 WHEN i % 2000 = 8 THEN 404 WHEN i % 3 = 0 THEN 201 ELSE 200 END)::smallint AS status) AS x
RETURNING time_requested, response_id)
INSERT INTO sespan.api_log_body (time_requested, response_id, request_body, response_body)
SELECT time_requested, response_id, repeat('b', 100), repeat('a', 100) FROM added
