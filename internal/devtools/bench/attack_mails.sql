-- Lets $1 seconds pass for what is stored of budgets and codes.
WITH budgets AS (
    UPDATE sespan.budget SET used_at = ARRAY(SELECT u - make_interval(secs => $1::float8) FROM unnest(used_at) AS u)
), guesses AS (
    UPDATE sespan.otp_budget SET wrong_at = ARRAY(SELECT w - make_interval(secs => $1::float8) FROM unnest(wrong_at) AS w)
), codes AS (
    UPDATE sespan.otp SET created_at = created_at - make_interval(secs => $1::float8), valid_until = valid_until - make_interval(secs => $1::float8)
)
UPDATE sespan.otp_challenge SET created_at = created_at - make_interval(secs => $1::float8), sent_at = sent_at - make_interval(secs => $1::float8),
    valid_until = valid_until - make_interval(secs => $1::float8)
