-- Whether mails of this round are left: by their keys, so that the rows of earlier
-- rounds that a held transaction keeps are not read.
SELECT EXISTS (SELECT FROM sespan.mail_queue WHERE queue_id > $1)
