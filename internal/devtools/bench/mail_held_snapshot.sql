-- Takes the snapshot that the transaction then holds.
SELECT count(*) FROM sespan.mail_setting
