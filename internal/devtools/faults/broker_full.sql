-- Whether each lane has as much announced as its window takes, and more behind it.
SELECT count(*) = 3 FROM (
    SELECT sespan.mail_lane(q.priority) AS lane FROM sespan.mail_queue q WHERE q.state = 'queued' GROUP BY 1
    HAVING bool_or(q.announced_at IS NOT NULL) AND bool_or(q.announced_at IS NULL)) lanes
