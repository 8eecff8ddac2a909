UPDATE sespan.mail_queue q
SET started = true
FROM (SELECT unnest($1::bigint[]) AS queue_id, unnest($2::bigint[]) AS lease_token) h
WHERE q.queue_id = h.queue_id AND q.lease_token = h.lease_token AND q.leased_until > clock_timestamp()
RETURNING q.queue_id
