SELECT coalesce(string_agg(format('%s %s %s %s: %s', state, last_reason, last_code, last_reply, n), E'\n'), '')
FROM (SELECT state, last_reason, last_code, last_reply, count(*) AS n FROM sespan.mail_queue GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 20) AS q
