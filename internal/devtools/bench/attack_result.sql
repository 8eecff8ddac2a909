-- Of today's rows: what they stand for, how many they are, and how many of strangers have bodies; what was ever counted; the log's bytes.
SELECT coalesce(sum(l.stands_for), 0), count(*),
       (SELECT count(*) FROM sespan.api_log_body b JOIN sespan.api_log x USING (time_requested, response_id) WHERE x.status IN (401, 404, 429)),
       (SELECT coalesce(sum(s.calls), 0)::bigint FROM sespan.stats_api_total s), sespan.api_log_size()
FROM sespan.api_log l WHERE l.time_requested >= date_trunc('day', now(), 'UTC')
