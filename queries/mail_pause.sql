-- name: MailPark :many
-- Parks rows that a pause of their category or domain holds: due at infinity,
-- so that each is met once. Where the pause ended just now they are due at once.
UPDATE sespan.mail_queue q
SET state = CASE WHEN q.attempts = 0 THEN 'scheduled' ELSE 'retry' END,
    due_at = CASE WHEN h.holds THEN 'infinity' ELSE clock_timestamp() END, parked = CASE WHEN h.holds THEN h.what END,
    lease_token = NULL, leased_until = NULL, started = false
FROM (SELECT u.queue_id, u.lease_token, u.what, EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = u.what) AS holds
      FROM (SELECT unnest(@queue_ids::bigint[]) AS queue_id, unnest(@lease_tokens::bigint[]) AS lease_token, unnest(@pauses::text[]) AS what) u) h
WHERE q.queue_id = ANY (@queue_ids::bigint[]) AND q.queue_id = h.queue_id AND q.lease_token = h.lease_token
RETURNING q.queue_id;

-- name: MailUnpark :one
-- Lets a portion of the mails go whose pause is over, and notifies.
SELECT sespan.mail_unpark(@portion::int)::bigint AS mails;
