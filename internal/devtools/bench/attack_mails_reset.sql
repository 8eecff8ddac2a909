-- What the site's password reset does: it draws on the budget and queues a mail.
SELECT CASE WHEN sespan.budget_take('mails', $1, false, $2::inet) = interval '0'
    THEN sespan.mail_enqueue(recipient => $3, subject => 'Reset', body_text => 'x') IS NOT NULL ELSE false END
