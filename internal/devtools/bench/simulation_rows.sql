SELECT sum(t.n_tup_ins)::bigint, sum(t.n_tup_upd)::bigint, sum(t.n_tup_del)::bigint, sum(t.n_tup_hot_upd)::bigint
FROM pg_catalog.pg_stat_all_tables t WHERE t.schemaname = 'sespan' AND t.relname ~ '^mail_(queue|message|outcome)'
