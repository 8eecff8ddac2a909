-- The trial does not wait for the backoff between tries. $1: nor for that of recipients
-- whom the server told to come later.
WITH skipped AS (
    UPDATE sespan.mail_queue SET due_at = clock_timestamp()
    WHERE state IN ('retry', 'scheduled') AND due_at > clock_timestamp() + interval '1 second' AND due_at < 'infinity'
      AND ($1 OR recipient NOT LIKE 'later-%')
    RETURNING 1
)
SELECT count(*) FROM skipped, sespan.mail_notify()
