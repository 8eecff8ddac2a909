SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t
               WHERE t.tgrelid = 'sespan.mail_queue'::regclass AND t.tgname = 'mail_ring' AND t.tgenabled IN ('O', 'A')) AS enabled
