-- name: MailEventApply :many
-- Notes events once each and suppresses addresses. Locks the rows of these events
-- and addresses, in the order of the addresses.
SELECT a.event_id::text AS event_id, a.result::text AS result
FROM sespan.mail_event_apply(@source::text, @events::jsonb, @bounce_days::int) AS a;

-- name: MailEventCleanup :one
-- Locks what it deletes, skipping what others hold.
SELECT sespan.mail_event_tidy(make_interval(secs => @keep_seconds::float8), @portion::int)::bigint AS deleted;
