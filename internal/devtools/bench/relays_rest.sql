-- Every mail is done, or with $1: has been tried by a server that wants it later.
SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE state <> 'unknown' AND NOT ($1 AND state = 'retry' AND recipient LIKE 'later-%'))
