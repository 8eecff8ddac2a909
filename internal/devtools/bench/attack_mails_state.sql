-- Mails that the site's day counts, and those in the queue.
SELECT coalesce((SELECT sum(used) FROM sespan.budget_site), 0)::bigint, (SELECT count(*) FROM sespan.mail_message)::bigint
