-- name: MailHeartbeat :exec
-- A worker renews its row.
INSERT INTO sespan.mail_worker AS w (worker_id, connections, listening, host)
VALUES (@worker_id::bigint, @connections::int, @listening::boolean, @host::text)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), listening = excluded.listening;

-- name: MailDeregister :exec
-- The worker ends.
DELETE FROM sespan.mail_worker w WHERE w.worker_id = @worker_id::bigint;
