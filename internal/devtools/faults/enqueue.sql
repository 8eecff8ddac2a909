SELECT sespan.mail_enqueue(recipient => $1, subject => 'A mail under faults', body_text => repeat($1 || ' ', 40), body_html => repeat('<p>' || $1 || '</p>', 20),
                           on_unknown => $2, category => 'order')
