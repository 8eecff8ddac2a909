-- What is ready, scheduled for later.
UPDATE sespan.mail_queue SET state = 'scheduled', due_at = now() + interval '1 day', announced_at = NULL WHERE state = 'queued'
