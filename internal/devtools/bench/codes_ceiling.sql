-- The site's ceiling of a day is not what is measured.
UPDATE sespan.budget_limit SET most = NULL WHERE name = 'mails_site_day'
