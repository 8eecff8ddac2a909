-- The same rows by hand: a multi-row INSERT into both tables, without a check.
WITH message AS (
    INSERT INTO sespan.mail_message (category, to_addresses, subject, body_text, body_html, size_bytes, recipients, pending)
    SELECT e ->> 'category', ARRAY[e ->> 'recipient'], e ->> 'subject', e ->> 'body_text', e ->> 'body_html', 1000, 1, 1
    FROM jsonb_array_elements($1::jsonb) e
    RETURNING message_id, created_at, to_addresses[1] AS recipient
)
INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, size_bytes, priority, recipient)
SELECT message_id * 1024, message_id, created_at, created_at, 1000, 5, recipient FROM message
