-- Customers for one code each: odd keys are active, even ones have just registered.
WITH made AS (
    INSERT INTO public.auth_user (username, email, is_active)
    SELECT 'user' || i, 'user' || i || '@example.com', i % 2 = 1
    FROM generate_series((SELECT max(id) + 1 FROM public.auth_user), $1::bigint + 1) i
    RETURNING id, is_active
), granted AS (
    INSERT INTO sespan.otp_activation (customer_id, granted_at) SELECT id, now() FROM made WHERE NOT is_active
)
SELECT count(*) FROM made
