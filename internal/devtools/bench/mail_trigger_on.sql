ALTER TABLE sespan.mail_queue ENABLE TRIGGER mail_doorbell_ring
