-- name: MailHeartbeat :exec
-- A worker or announcer renews its row. Moments come as seconds ago, because clocks differ.
INSERT INTO sespan.mail_worker AS w (worker_id, connections, listening, host, kind, dispatch, confirmed_at, waiting_since)
VALUES (@worker_id::bigint, @connections::int, @listening::boolean, @host::text, @kind::text, @dispatch::text,
        clock_timestamp() - make_interval(secs => sqlc.narg(confirmed_ago)::float8), clock_timestamp() - make_interval(secs => sqlc.narg(waiting_for)::float8))
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), listening = excluded.listening, dispatch = excluded.dispatch,
    confirmed_at = excluded.confirmed_at, waiting_since = excluded.waiting_since;

-- name: MailDeregister :exec
-- The worker ends.
DELETE FROM sespan.mail_worker w WHERE w.worker_id = @worker_id::bigint;
