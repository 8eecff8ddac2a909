SELECT sespan.mail_bell()
