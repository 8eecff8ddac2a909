-- Rows to ask for, from the middle of the year.
SELECT t.transaction_id, t.customer_id, l.response_id::text, host(l.ip), now()
FROM (SELECT transaction_id, customer_id FROM sespan.transaction_log WHERE transaction_time > now() - interval '180 days' ORDER BY discounted, transaction_time LIMIT 1) AS t,
    (SELECT response_id, ip FROM sespan.api_log WHERE time_requested > now() - interval '180 days' ORDER BY time_requested LIMIT 1) AS l
