-- name: BudgetSite :one
-- Mails that strangers have caused today (UTC), and how many they may cause; -1 for
-- any number. Reads the few rows of the day and locks nothing.
SELECT coalesce((SELECT sum(s.used) FROM sespan.budget_site AS s WHERE s.day = sespan.budget_today()), 0)::bigint AS used,
       coalesce((SELECT l.most FROM sespan.budget_limit AS l WHERE l.scope = 'mails_site'), -1)::bigint AS most;
