WITH old AS MATERIALIZED (
    SELECT m.message_id, m.created_at FROM sespan.mail_message m
    WHERE m.wipe_at <= now() ORDER BY m.wipe_at LIMIT $1::int FOR UPDATE SKIP LOCKED
), wiped AS (
    UPDATE sespan.mail_message m
    SET wipe_at = NULL, wiped_at = now(), body_text = NULL, body_html = NULL, headers = NULL, attachments = NULL, raw = NULL, sealed = NULL
    FROM old o WHERE m.message_id = o.message_id AND m.created_at = o.created_at
    RETURNING 1
), stale AS MATERIALIZED (
    SELECT k.idempotency_key FROM sespan.mail_idempotency k
    WHERE k.expires_at <= now() ORDER BY k.expires_at LIMIT $1::int FOR UPDATE SKIP LOCKED
), dropped AS (
    DELETE FROM sespan.mail_idempotency k USING stale s WHERE k.idempotency_key = s.idempotency_key RETURNING 1
)
SELECT (SELECT count(*) FROM wiped)::int AS wiped, (SELECT count(*) FROM dropped)::int AS dropped
