-- What the shop may do in Sespan's schema: enqueue mails, show its staff pages.
GRANT sespan_producer, sespan_reader_detail, sespan_admin TO shop
