SELECT sespan.mail_awake($1::int)
