SELECT sespan.mail_enqueue(recipient => $1, subject => $2, body_text => $3, body_html => $4, category => 'order', priority => $5::smallint)
