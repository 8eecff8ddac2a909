WITH lapsed AS MATERIALIZED (
    SELECT q.queue_id
    FROM sespan.mail_queue q
    WHERE q.state = 'sending' AND q.leased_until < clock_timestamp()
    LIMIT $1::int
    FOR UPDATE SKIP LOCKED
)
UPDATE sespan.mail_queue q
SET state = CASE WHEN q.started AND q.on_unknown = 'hold' THEN 'unknown' ELSE 'retry' END,
    due_at = CASE WHEN q.started AND q.on_unknown = 'hold' THEN 'infinity' ELSE clock_timestamp() END,
    lapses = q.lapses + CASE WHEN q.started OR q.lapses = 0 THEN 1 ELSE 0 END,
    last_reason = 'lapsed', lease_token = NULL, leased_until = NULL, started = false
FROM lapsed l
WHERE q.queue_id = l.queue_id
RETURNING q.queue_id, q.state
