-- By the names that the statements have in queries/, those that matter.
SELECT CASE WHEN s.query ~ 'mail_announce_mark' THEN 'MailAnnounceMark'
            WHEN s.query ~ '^WITH due AS' THEN 'MailClaim'
            WHEN s.query ~ '^WITH ready AS' THEN 'MailClaimAnnounced'
            WHEN s.query ~ '^WITH result AS' THEN 'MailSettle'
            WHEN s.query ~ 'mail_(allow|suppress)_notify|mail_open_inserters|mail_notify' THEN 'the doorbell'
            WHEN s.query ~ 'pg_notify|LISTEN' THEN 'the canary'
            WHEN s.query ~ 'mail_fallback' THEN 'MailFallback'
            WHEN s.query ~ '^INSERT INTO sespan.mail_worker' THEN 'MailHeartbeat'
            ELSE 'others' END,
       sum(s.calls)::float8, sum(s.total_exec_time)::float8, sum(s.wal_bytes)::float8, sum(s.wal_fpi)::float8
FROM public.pg_stat_statements s JOIN pg_catalog.pg_roles r ON r.oid = s.userid
WHERE NOT r.rolsuper AND s.toplevel
GROUP BY 1
ORDER BY 3 DESC
LIMIT 8
