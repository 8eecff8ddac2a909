-- name: MailHeartbeat :one
-- A worker or announcer renews its row. Moments come as seconds ago, because clocks differ.
-- Answers how many senders live; its own row is not in the snapshot the first time.
INSERT INTO sespan.mail_worker AS w (worker_id, connections, listening, host, kind, dispatch, confirmed_at, waiting_since)
VALUES (@worker_id::bigint, @connections::int, @listening::boolean, @host::text, @kind::text, @dispatch::text,
        clock_timestamp() - make_interval(secs => sqlc.narg(confirmed_ago)::float8), clock_timestamp() - make_interval(secs => sqlc.narg(waiting_for)::float8))
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), listening = excluded.listening, dispatch = excluded.dispatch,
    confirmed_at = excluded.confirmed_at, waiting_since = excluded.waiting_since
RETURNING (SELECT count(*) + CASE w.kind WHEN 'sender' THEN 1 ELSE 0 END FROM sespan.mail_worker o
           WHERE o.worker_id <> w.worker_id AND o.kind = 'sender' AND o.seen_at > now() - interval '1 minute')::int AS senders;

-- name: MailDeregister :exec
-- The worker ends.
DELETE FROM sespan.mail_worker w WHERE w.worker_id = @worker_id::bigint;
