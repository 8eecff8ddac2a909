SELECT public.pg_stat_statements_reset()
