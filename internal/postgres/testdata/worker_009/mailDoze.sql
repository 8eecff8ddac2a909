SELECT sespan.mail_doze()::int AS others
