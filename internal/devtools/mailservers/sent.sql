SELECT count(*) FROM sespan.mail_outcome WHERE state = 'sent' AND recipient LIKE $1 || '-%'
