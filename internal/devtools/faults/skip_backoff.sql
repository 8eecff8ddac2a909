-- The campaign does not wait for the backoff between tries.
WITH skipped AS (
    UPDATE sespan.mail_queue SET due_at = clock_timestamp()
    WHERE state IN ('retry', 'scheduled') AND due_at > clock_timestamp() + interval '1 second' AND due_at < 'infinity'
    RETURNING 1
)
SELECT count(*) FROM skipped, sespan.mail_notify()
