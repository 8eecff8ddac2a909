SELECT count(sespan.mail_enqueue_sealed('user' || i || '@example.com', $2, ($3::bytea[])[1 + i % cardinality($3::bytea[])], 'otp', 1,
                                        now() + interval '10 minutes'))
FROM generate_series(1, $1::int) i
