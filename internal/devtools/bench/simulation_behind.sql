-- Rows that wait behind those mails, without content: nobody comes so far.
INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, size_bytes, priority, recipient)
SELECT m.id * 1024, m.id, now(), now(), 4000, 5, 'later' || m.id || '@example.com'
FROM (SELECT nextval('sespan.mail_message_id_seq') AS id FROM generate_series(1, $1::int)) m
