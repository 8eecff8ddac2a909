-- Finished mails; bytes of their messages and of their outcomes, with indexes and TOAST.
SELECT (SELECT count(*) FROM sespan.mail_outcome)::float8,
       (SELECT sum(pg_catalog.pg_total_relation_size(t.relid)) FROM pg_catalog.pg_partition_tree('sespan.mail_message') t WHERE t.isleaf)::float8,
       (SELECT sum(pg_catalog.pg_total_relation_size(t.relid)) FROM pg_catalog.pg_partition_tree('sespan.mail_outcome') t WHERE t.isleaf)::float8
