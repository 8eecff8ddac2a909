-- Partitions of the log for the days of the year before.
SELECT sespan.partition_make('sespan.api_log'::regclass, d::date) FROM generate_series(now() - interval '366 days', now(), '1 day') AS d;
SELECT sespan.tier_save(name => 'Tier ' || i, probability => 0.25, discount => 0.1, is_active => false) FROM generate_series(2, 5) AS i;
