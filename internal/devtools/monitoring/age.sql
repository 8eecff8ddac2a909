-- Makes a challenge, its codes and what addresses may have mailed older.
WITH code AS (
    UPDATE sespan.otp SET created_at = created_at - $2::text::interval, valid_until = valid_until - $2::text::interval WHERE challenge_id = $1::text::uuid
), budget AS (
    UPDATE sespan.budget SET touched_at = touched_at - $2::text::interval, used_at = ARRAY(SELECT u - $2::text::interval FROM unnest(used_at) u)
)
UPDATE sespan.otp_challenge SET created_at = created_at - $2::text::interval, sent_at = sent_at - $2::text::interval, valid_until = valid_until - $2::text::interval
WHERE challenge_id = $1::text::uuid;
