SELECT sespan.partition_make(p::regclass, (now() AT TIME ZONE 'UTC')::date - $1::int) FROM unnest(ARRAY['sespan.api_log', 'sespan.api_log_body']) p
