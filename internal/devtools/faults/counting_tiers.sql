-- Orders from 500,000 on win every second time, as long as there is room.
WITH shortened AS (
    SELECT sespan.tier_save(t.tier_id, 'All', maximum_transaction => 500000, probability => 0.25, discount => 0.1, per_customer_draws => NULL) FROM sespan.transaction_tier t
)
SELECT (sespan.tier_save(name => 'Limited', minimum_transaction => 500000, probability => 0.5, discount => 0.2, budget_uses => $1, per_customer_draws => NULL)).tier_id
FROM (SELECT count(*) FROM shortened) s
