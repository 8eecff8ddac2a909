SELECT u.uses, (SELECT count(*) FROM sespan.transaction_log l WHERE l.tier_id = u.tier_id AND l.discounted AND l.cancelled_at IS NULL)
FROM sespan.transaction_tier_usage u WHERE u.tier_id = $1
