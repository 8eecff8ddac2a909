SELECT response_id::text, count(*)::int FROM sespan.api_log GROUP BY 1
