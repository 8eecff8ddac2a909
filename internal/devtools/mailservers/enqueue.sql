SELECT cardinality(sespan.mail_enqueue_batch($1::jsonb))
