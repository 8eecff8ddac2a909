-- Mails of the least urgent priority.
SELECT count(sespan.mail_enqueue(recipient => 'user' || i || '@example.com', subject => $2, category => 'order', priority => 9::smallint,
                                 body_text => ($3::text[])[1 + i % cardinality($3::text[])], body_html => ($4::text[])[1 + i % cardinality($4::text[])]))
FROM generate_series(1, $1::int) i
