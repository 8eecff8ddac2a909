ALTER TABLE sespan.mail_queue DISABLE TRIGGER mail_doorbell_ring
