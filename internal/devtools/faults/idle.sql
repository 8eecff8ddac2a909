SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE state <> 'unknown')
