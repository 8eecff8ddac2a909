SELECT recipient, state FROM sespan.mail_recipient WHERE recipient LIKE $1 || '-%'
