-- The waits between tries are for the world. $1: also of those whom the server told to come later.
WITH hurried AS (
    UPDATE sespan.mail_queue SET due_at = clock_timestamp()
    WHERE state IN ('retry', 'scheduled') AND due_at > clock_timestamp() + interval '1 second' AND due_at < 'infinity'
      AND ($1 OR recipient NOT LIKE 'later-%')
    RETURNING 1
)
SELECT count(*) FROM hurried, sespan.mail_bell()
