-- Customers for one code each: odd keys are active, even ones have just registered.
WITH made AS (
    INSERT INTO public.auth_user (username, email, is_active)
    SELECT 'user' || i, 'user' || i || '@example.com', i % 2 = 1
    FROM generate_series((SELECT max(id) + 1 FROM public.auth_user), $1::bigint + 1) i
    RETURNING 1
)
SELECT count(*) FROM made
