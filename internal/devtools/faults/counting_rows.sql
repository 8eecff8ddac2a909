SELECT l.order_ref, l.transaction_id, l.discounted, l.cancelled_at IS NOT NULL FROM sespan.transaction_log l
