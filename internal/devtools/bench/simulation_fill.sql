-- Mails of a site as mail_enqueue stores them, without its checks.
WITH message AS (
    INSERT INTO sespan.mail_message (category, to_addresses, subject, body_text, body_html, size_bytes, recipients, pending)
    SELECT 'order', ARRAY['user' || i || '@example.com'], $2, ($3::text[])[1 + i % cardinality($3::text[])], ($4::text[])[1 + i % cardinality($4::text[])], 4000, 1, 1
    FROM generate_series(1, $1::int) i
    RETURNING message_id, created_at, to_addresses[1] AS recipient
)
INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, size_bytes, priority, recipient)
SELECT message_id * 1024, message_id, created_at, created_at, 4000, 5, recipient FROM message
