SELECT coalesce(sum(calls), 0)::bigint FROM sespan.stats_api_total WHERE bucket >= now() - interval '1 day'
