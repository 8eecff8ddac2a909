SELECT coalesce(extract(epoch FROM min(q.due_at) - clock_timestamp()), 'infinity')::float8 AS due_in
FROM sespan.mail_queue q
WHERE q.state IN ('scheduled', 'retry') AND q.due_at > now()
