SELECT sespan.mail_others()::int AS others
