SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name LIKE 'sespan mail%' ORDER BY random() LIMIT 1
