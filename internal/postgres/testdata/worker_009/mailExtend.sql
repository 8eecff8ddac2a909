UPDATE sespan.mail_queue q
SET leased_until = clock_timestamp() + make_interval(secs => $1::float8)
FROM (SELECT unnest($2::bigint[]) AS queue_id, unnest($3::bigint[]) AS lease_token) h
WHERE q.queue_id = h.queue_id AND q.lease_token = h.lease_token
RETURNING q.queue_id
