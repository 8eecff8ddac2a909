-- name: MailClaimAnnounced :many
-- Leases rows that a broker named, as MailClaim leases those that it finds: the same
-- lease, limits, content, pauses and suppressions. Of the asked rows it answers those
-- that it took and, with taken = false, those that are ready and were not taken: no
-- place under row_limit or byte_limit (the first row is always taken), or everything is
-- paused. What it does not answer is finished, leased elsewhere, parked, not due, or
-- locked by a session that is about to change it.
-- Locks: the ready ones of these rows (FOR UPDATE SKIP LOCKED) for this statement only,
-- found through the primary key alone: no index of the waiting rows is walked, so it
-- needs no scan cursor.
WITH ready AS MATERIALIZED (
    SELECT q.queue_id, q.size_bytes, q.priority, q.message_id, q.created_at, q.state = 'queued' AS fresh
    FROM sespan.mail_queue q
    WHERE q.queue_id = ANY (@queue_ids::bigint[])
      AND (q.state = 'queued' OR q.state IN ('scheduled', 'retry') AND q.due_at <= now())
    FOR UPDATE SKIP LOCKED
), picked AS MATERIALIZED (
    SELECT r.queue_id, r.message_id, r.created_at, r.priority, r.fresh,
           row_number() OVER (ORDER BY r.priority, r.queue_id) <= @row_limit::int
           AND sum(r.size_bytes) OVER (ORDER BY r.priority, r.queue_id) - r.size_bytes < @byte_limit::bigint
           AND NOT EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = 'all') AS taken
    FROM ready r
), leased AS (
    UPDATE sespan.mail_queue q
    SET state = 'sending', lease_token = @lease_token::bigint, started = false,
        leased_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
    WHERE q.queue_id = ANY (ARRAY(SELECT p.queue_id FROM picked p WHERE p.taken))
    RETURNING q.queue_id, q.message_id, q.created_at, q.recipient, q.priority, q.attempts, q.lapses, q.on_unknown, q.expires_at, q.size_bytes
)
SELECT q.queue_id, q.message_id, q.created_at, q.recipient, q.priority, q.attempts, q.lapses, q.size_bytes,
       q.queue_id = ANY (ARRAY(SELECT p.queue_id FROM picked p WHERE p.fresh)) AS fresh, q.on_unknown = 'hold' AS hold,
       coalesce(extract(epoch FROM CASE WHEN q.expires_at < 'infinity' THEN q.expires_at - clock_timestamp() END), 'infinity')::float8 AS expires_in,
       extract(epoch FROM clock_timestamp() - greatest(q.created_at, m.send_at))::float8 AS waited,
       (m.message_id IS NOT NULL AND m.wiped_at IS NULL)::boolean AS content_found,
       greatest(q.created_at, m.send_at)::timestamptz AS dated,
       coalesce(CASE WHEN EXISTS (SELECT FROM sespan.mail_pause) THEN (
           SELECT p.what FROM sespan.mail_pause p WHERE p.what IN ('category:' || m.category, 'domain:' || sespan.address_domain(q.recipient)) LIMIT 1
       ) END, '')::text AS parked,
       coalesce(CASE WHEN EXISTS (SELECT FROM sespan.mail_suppression) THEN sespan.mail_suppressed(sespan.address_key(q.recipient),
           m.sealed IS NOT NULL OR coalesce(m.category = 'otp', false), CASE WHEN m.headers IS NULL AND m.raw IS NULL THEN false ELSE sespan.mail_bulk(m.headers, m.raw) END
       ) END, '')::text AS suppressed,
       m.sender, m.reply_to, coalesce(m.to_addresses, '{}')::text[] AS to_addresses, coalesce(m.cc_addresses, '{}')::text[] AS cc_addresses,
       coalesce(m.subject, '')::text AS subject, m.body_text, m.body_html, m.headers, m.attachments, m.raw, m.sealed, m.traceparent,
       q.taken::boolean AS taken
FROM (SELECT l.*, true AS taken FROM leased l
      UNION ALL
      SELECT p.queue_id, p.message_id, p.created_at, '', p.priority, 0::smallint, 0::smallint, 'retry', NULL, 0, false FROM picked p WHERE NOT p.taken) q
LEFT JOIN LATERAL (
    SELECT c.* FROM sespan.mail_message c WHERE q.taken AND c.message_id = q.message_id AND c.created_at = q.created_at OFFSET 0
) m ON true;
