SELECT sespan.mail_notify()
