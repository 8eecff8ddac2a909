WITH due AS MATERIALIZED (
    SELECT q.queue_id, q.size_bytes, q.priority
    FROM sespan.mail_queue q
    WHERE q.state IN ('scheduled', 'retry') AND q.due_at > now() - make_interval(secs => $1::float8) AND q.due_at <= now()
    ORDER BY q.due_at
    LIMIT $2::int
    FOR UPDATE SKIP LOCKED
), fresh AS MATERIALIZED (
    SELECT f.queue_id, f.size_bytes, f.priority
    FROM (SELECT generate_series(0, 9)::smallint AS priority, unnest($3::bigint[]) AS lower_id) lane
    CROSS JOIN LATERAL (
        SELECT q.queue_id, q.size_bytes, q.priority
        FROM sespan.mail_queue q
        WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (lane.priority, lane.lower_id) AND q.priority <= lane.priority
        ORDER BY q.priority, q.queue_id
        LIMIT $4::int
        FOR UPDATE SKIP LOCKED
    ) f
    LIMIT $4::int - (SELECT count(*) FROM due)
), picked AS (
    SELECT r.queue_id, sum(r.size_bytes) OVER (ORDER BY r.fresh, r.priority, r.queue_id) - r.size_bytes AS bytes_before
    FROM (SELECT d.queue_id, d.size_bytes, d.priority, false AS fresh FROM due d
          UNION ALL SELECT f.queue_id, f.size_bytes, f.priority, true FROM fresh f) r
), leased AS (
    UPDATE sespan.mail_queue q
    SET state = 'sending', lease_token = $5::bigint, started = false,
        leased_until = clock_timestamp() + make_interval(secs => $6::float8)
    WHERE q.queue_id = ANY (ARRAY(SELECT p.queue_id FROM picked p WHERE p.bytes_before < $7::bigint))
    RETURNING q.queue_id, q.message_id, q.created_at, q.recipient, q.priority, q.attempts, q.lapses, q.on_unknown, q.expires_at, q.size_bytes
)
SELECT q.queue_id, q.message_id, q.created_at, q.recipient, q.priority, q.attempts, q.lapses, q.size_bytes,
       q.queue_id <> ALL (ARRAY(SELECT d.queue_id FROM due d)) AS fresh, q.on_unknown = 'hold' AS hold,
       coalesce(extract(epoch FROM q.expires_at - clock_timestamp()), 'infinity')::float8 AS expires_in,
       extract(epoch FROM clock_timestamp() - greatest(q.created_at, m.send_at))::float8 AS waited,
       (m.message_id IS NOT NULL AND m.wiped_at IS NULL)::boolean AS content_found,
       coalesce(m.send_at, q.created_at)::timestamptz AS dated,
       m.sender, m.reply_to, coalesce(m.to_addresses, '{}')::text[] AS to_addresses, coalesce(m.cc_addresses, '{}')::text[] AS cc_addresses,
       coalesce(m.subject, '')::text AS subject, m.body_text, m.body_html, m.headers, m.attachments, m.raw, m.sealed
FROM leased q
LEFT JOIN sespan.mail_message m ON m.message_id = q.message_id AND m.created_at = q.created_at
