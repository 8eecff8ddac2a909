SELECT sespan.mail_enqueue(recipient => $1, subject => 'A mail under faults', body_text => repeat($1 || ' ', 40), priority => $2::int::smallint,
                           on_unknown => $3, category => 'order')
