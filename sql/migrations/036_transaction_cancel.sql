-- The cancellation of a transaction; what the customer's next draw makes of it stands in
-- 024_transaction.sql (transaction_inherit).

-- Locks the tier, if it has limits, then the row: the order of a draw, which may be
-- under way. A budget gets back what it counted; one that was removed and added since
-- did not count this row. Read again at the end: another call may have been first.
CREATE FUNCTION sespan.transaction_cancel(transaction_id bigint) RETURNS SETOF sespan.transaction_log
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cancelled sespan.transaction_log;
BEGIN
    PERFORM sespan.transaction_announce();
    SELECT l.* INTO cancelled FROM sespan.transaction_log l WHERE l.transaction_id = transaction_cancel.transaction_id;
    IF FOUND AND cancelled.cancelled_at IS NULL THEN
        PERFORM FROM sespan.transaction_tier t WHERE t.tier_id = cancelled.tier_id AND t.is_capped FOR NO KEY UPDATE;
        UPDATE sespan.transaction_log l SET cancelled_at = GREATEST(sespan.draw_clock(), l.transaction_time)
        WHERE l.transaction_id = cancelled.transaction_id AND l.cancelled_at IS NULL;
        IF FOUND THEN
            UPDATE sespan.transaction_tier_usage u
            SET uses = u.uses - 1, amount = u.amount - (cancelled.transaction_amount - cancelled.discounted_amount)
            WHERE u.tier_id = cancelled.tier_id AND u.counted_since = cancelled.budget_since;
        END IF;
    END IF;
    RETURN QUERY SELECT l.* FROM sespan.transaction_log l WHERE l.transaction_id = transaction_cancel.transaction_id;
END
$$;
COMMENT ON FUNCTION sespan.transaction_cancel(bigint) IS
    'Cancels a transaction and gives its budgets and per_customer_uses back; cancelled before, it stays as it is. Gives the row, or none for an unknown id';

---- create above / drop below ----

DROP FUNCTION sespan.transaction_cancel(bigint);
