-- The highest key of the mails so far.
SELECT last_value * 1024 + 1023 FROM sespan.mail_message_id_seq
