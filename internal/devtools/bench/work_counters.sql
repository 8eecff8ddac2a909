-- Statements of whoever is no superuser, that is, of the service; bytes of WAL since the server was made.
SELECT (SELECT coalesce(sum(s.calls), 0) FROM public.pg_stat_statements(false) s JOIN pg_catalog.pg_roles r ON r.oid = s.userid
        WHERE NOT r.rolsuper AND s.toplevel)::float8,
       (pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn)::float8
