-- The customer, as Sespan sees it: placeholders until bind-customers puts the
-- site's own table behind them.

-- Never read: it is the row type of the functions below, and what sqlc sees.
CREATE VIEW sespan.customer_row AS
SELECT NULL::bigint AS customer_id, NULL::text AS email, NULL::text AS phone_number, NULL::text AS username,
       NULL::boolean AS is_active, NULL::timestamptz AS date_joined, NULL::timestamptz AS updated_at
WHERE false;

CREATE FUNCTION sespan.customer_by_id(customer_id bigint) RETURNS SETOF sespan.customer_row
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION 'no customer table is bound: run sespan bind-customers' USING ERRCODE = 'SP001';
END
$$;

CREATE FUNCTION sespan.customer_by_email(email text) RETURNS SETOF sespan.customer_row
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION 'no customer table is bound: run sespan bind-customers' USING ERRCODE = 'SP001';
END
$$;

CREATE FUNCTION sespan.customer_activate(customer_id bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION 'no customer table is bound: run sespan bind-customers' USING ERRCODE = 'SP001';
END
$$;

---- create above / drop below ----

DROP FUNCTION sespan.customer_activate(bigint);
DROP FUNCTION sespan.customer_by_email(text);
DROP FUNCTION sespan.customer_by_id(bigint);
DROP VIEW sespan.customer_row;
