SELECT q.state, count(*) AS rows,
       coalesce(extract(epoch FROM now() - min(q.due_at) FILTER (WHERE q.due_at <= now() AND q.state IN ('queued', 'scheduled', 'retry'))), 0)::float8 AS oldest_ready
FROM sespan.mail_queue q
GROUP BY q.state
