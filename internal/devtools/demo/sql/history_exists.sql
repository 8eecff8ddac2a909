SELECT EXISTS (SELECT FROM sespan.transaction_log WHERE order_ref LIKE 'DEMO-%')
