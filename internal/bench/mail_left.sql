SELECT EXISTS (SELECT FROM sespan.mail_queue)
