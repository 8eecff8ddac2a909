-- name: MailBeat :exec
-- A worker's sign of life.
INSERT INTO sespan.mail_worker AS w (worker_id, connections, hears, host)
VALUES (@worker_id::bigint, @connections::int, @hears::boolean, @host::text)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), hears = excluded.hears;

-- name: MailLeave :exec
-- The worker ends.
DELETE FROM sespan.mail_worker w WHERE w.worker_id = @worker_id::bigint;
