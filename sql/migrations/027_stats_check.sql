-- The counts against the rows that prove them.

-- The partitions of appended counts for the hours to come; maintenance makes more.
SELECT sespan.stats_partition_ensure(2);

-- Never read: it is the row type of stats_check.
CREATE VIEW sespan.stats_difference AS
SELECT NULL::text AS noun, NULL::date AS day, NULL::text AS count, NULL::numeric AS counted, NULL::numeric AS proven, NULL::numeric AS difference
WHERE false;
COMMENT ON VIEW sespan.stats_difference IS 'The row type of stats_check; always empty';

---- create above / drop below ----

DROP VIEW sespan.stats_difference;
