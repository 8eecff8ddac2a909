-- Waiting rows alone, without content: half of them for later, of each lane.
INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, size_bytes, priority, recipient, state)
SELECT i * 1024, i, now(), now() + CASE WHEN i % 2 = 0 THEN interval '0' ELSE interval '1 day' END, 1000, CASE i % 10 WHEN 8 THEN 5 WHEN 6 THEN 3 ELSE 9 END,
       'user' || i || '@example.com', CASE WHEN i % 2 = 0 THEN 'queued' ELSE 'scheduled' END
FROM generate_series(1, $1::int) i
