SELECT message_id, sealed FROM sespan.mail_message WHERE message_id > $1 AND sealed IS NOT NULL ORDER BY message_id
