WITH released AS (
    UPDATE sespan.mail_queue q
    SET state = CASE WHEN q.attempts = 0 THEN 'scheduled' ELSE 'retry' END, due_at = clock_timestamp(),
        lease_token = NULL, leased_until = NULL, started = false
    FROM (SELECT unnest($1::bigint[]) AS queue_id, unnest($2::bigint[]) AS lease_token) h
    WHERE q.queue_id = h.queue_id AND q.lease_token = h.lease_token
    RETURNING 1
), rung AS (SELECT sespan.mail_bell())
SELECT (SELECT count(*) FROM released)::int AS released FROM rung
