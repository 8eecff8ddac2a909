-- name: SecretKeyUse :many
-- By the keys of SESPAN_SECRET_KEYS: codes that can still be typed, mails that wait with a
-- sealed body, form data of registrations, and seeds that are not published. Reads the hot
-- queue and the short-lived ends of the other tables; locks nothing.
WITH used AS (
    SELECT o.key_id, 'codes' AS what FROM sespan.otp o WHERE o.status = 'pending' AND o.valid_until > now()
    UNION ALL
    SELECT convert_from(substr(m.sealed, 2, get_byte(m.sealed, 0)), 'UTF8'), 'mails'
    FROM sespan.mail_queue q JOIN sespan.mail_message m ON m.message_id = q.message_id AND m.created_at = q.created_at
    WHERE m.sealed IS NOT NULL
    UNION ALL
    SELECT convert_from(substr(c.sealed_data, 2, get_byte(c.sealed_data, 0)), 'UTF8'), 'data' FROM sespan.otp_challenge c WHERE c.sealed_data IS NOT NULL
    UNION ALL
    SELECT convert_from(substr(e.sealed_seed, 2, get_byte(e.sealed_seed, 0)), 'UTF8'), 'seeds' FROM sespan.draw_epoch e WHERE e.seed IS NULL
)
SELECT key_id::text AS key_id, count(*) FILTER (WHERE what = 'codes') AS codes, count(*) FILTER (WHERE what = 'mails') AS mails,
       count(*) FILTER (WHERE what = 'data') AS form_data, count(*) FILTER (WHERE what = 'seeds') AS seeds
FROM used GROUP BY key_id ORDER BY key_id;
