-- The waits between tries are for the world; the campaign has seen enough.
WITH hurried AS (
    UPDATE sespan.mail_queue SET due_at = clock_timestamp()
    WHERE state IN ('retry', 'scheduled') AND due_at > clock_timestamp() + interval '1 second' AND due_at < 'infinity'
    RETURNING 1
)
SELECT count(*) FROM hurried, sespan.mail_bell()
