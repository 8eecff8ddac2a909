-- Every mail is finished, or with $1: a "later" recipient has been tried once.
SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE state <> 'unknown' AND NOT ($1 AND state = 'retry' AND recipient LIKE 'later-%'))
