-- Lock order: budget of guesses, budgets of mails, challenge, codes by id, right to
-- activate, customer. What reads a state follows, in the same transaction, the
-- statements that lock the budgets: only a later snapshot sees what was committed
-- while they waited.

-- name: OTPBudgetOpen :exec
-- Locks the budget of the address, or of the customer's where no key is given, and
-- makes it if it is new: one caller at a time for an address and purpose. An
-- update that is never done locks the row as well and writes nothing.
INSERT INTO sespan.otp_budget (budget_key)
SELECT sespan.otp_budget_key(s.address_key, @purpose, @known_browser)
FROM (
    SELECT sespan.address_key(c.email) AS address_key FROM sespan.customer_by_id(sqlc.narg(customer_id)::bigint) AS c
    WHERE sqlc.narg(address_key)::text IS NULL
    UNION ALL
    SELECT sqlc.narg(address_key)::text
) AS s
WHERE s.address_key <> ''
ON CONFLICT (budget_key) DO UPDATE SET touched_at = now() WHERE false;

-- name: OTPMailsLock :exec
-- Follows OTPBudgetOpen. Locks the budgets of mails of the same address and of the visitor.
SELECT sespan.budget_lock('mails', s.address_key, @known_browser, sqlc.narg(visitor)::inet)
FROM (
    SELECT sespan.address_key(c.email) AS address_key FROM sespan.customer_by_id(sqlc.narg(customer_id)::bigint) AS c
    WHERE sqlc.narg(address_key)::text IS NULL
    UNION ALL
    SELECT sqlc.narg(address_key)::text
) AS s
WHERE s.address_key <> '';

-- name: OTPState :one
-- The customer by id, or by address; their budget and newest challenge, which for
-- a registration by address is one without a customer. Locks nothing. Without a
-- customer the columns of one are NULL, and likewise of the challenge.
WITH found AS MATERIALIZED (
    SELECT c.customer_id, c.email, c.is_active
    FROM sespan.otp_customer(sqlc.narg(customer_id)::bigint, @spellings::text[], true) AS c
), tally AS (
    SELECT count(*)::int AS matches FROM found
)
SELECT now()::timestamptz AS at, t.matches, f.customer_id, f.email AS customer_email, f.is_active AS customer_active,
       (a.customer_id IS NOT NULL)::boolean AS right_known, (coalesce(a.used_at, a.revoked_at) IS NOT NULL)::boolean AS right_ended,
       k.address_key::text AS address_key, b.budget_key, b.wrong_at,
       coalesce(m.free_at, now())::timestamptz AS free_at, coalesce(m.next_at, now())::timestamptz AS next_at,
       c.challenge_id, c.created_at, c.sent_at, c.valid_until, c.verified_at, c.wrong_guesses, c.decoy, c.status, c.locale, c.email, c.sealed_data
FROM tally AS t
LEFT JOIN found AS f ON t.matches = 1
LEFT JOIN sespan.otp_activation AS a ON a.customer_id = f.customer_id
CROSS JOIN LATERAL (SELECT coalesce(sqlc.narg(address_key)::text, sespan.address_key(f.email), '') AS address_key) AS k
LEFT JOIN LATERAL (
    SELECT * FROM sespan.otp_budget AS x
    WHERE x.budget_key = sespan.otp_budget_key(k.address_key, @purpose, @known_browser)
    LIMIT 1
) AS b ON true
CROSS JOIN LATERAL sespan.budget_free('mails', k.address_key, @known_browser, sqlc.narg(visitor)::inet) AS m
LEFT JOIN LATERAL (
    SELECT x.challenge_id FROM sespan.otp_challenge AS x
    WHERE x.budget_key = b.budget_key
        AND x.customer_id IS NOT DISTINCT FROM CASE WHEN @purpose = 'registration' THEN sqlc.narg(customer_id)::bigint ELSE f.customer_id END
    ORDER BY x.created_at DESC LIMIT 1
) AS newest ON true
LEFT JOIN sespan.otp_challenge AS c ON c.challenge_id = newest.challenge_id;

-- name: OTPBudgetOpenOf :exec
-- Locks the budget of a challenge as OTPBudgetOpen does; makes it again if it was
-- swept.
INSERT INTO sespan.otp_budget (budget_key)
SELECT c.budget_key FROM sespan.otp_challenge AS c WHERE c.challenge_id = @challenge_id
ON CONFLICT (budget_key) DO UPDATE SET touched_at = now() WHERE false;

-- name: OTPMailsLockOf :exec
-- Follows OTPBudgetOpenOf. Locks as OTPMailsLock does.
SELECT sespan.budget_lock('mails', c.address_key, c.known_browser, sqlc.narg(visitor)::inet)
FROM sespan.otp_challenge AS c WHERE c.challenge_id = @challenge_id;

-- name: OTPStateOf :one
-- One challenge with its customer, budget and the delivery of its newest mail; for
-- a code that was mailed to nobody, that of the mail before it. Locks nothing.
SELECT now()::timestamptz AS at, sqlc.embed(c),
       cu.customer_id AS found_id, cu.email AS customer_email, cu.is_active AS customer_active,
       (a.customer_id IS NOT NULL)::boolean AS right_known, (coalesce(a.used_at, a.revoked_at) IS NOT NULL)::boolean AS right_ended,
       b.wrong_at, coalesce(l.free_at, now())::timestamptz AS free_at, coalesce(l.next_at, now())::timestamptz AS next_at, coalesce(sespan.mail_delivery(m.message_id, m.created_at), '')::text AS delivery, (o.message_id IS NOT NULL)::boolean AS mailed
FROM sespan.otp_challenge AS c
LEFT JOIN LATERAL sespan.customer_by_id(c.customer_id) AS cu ON c.customer_id IS NOT NULL
LEFT JOIN sespan.otp_activation AS a ON a.customer_id = c.customer_id
LEFT JOIN sespan.otp_budget AS b ON b.budget_key = c.budget_key
CROSS JOIN LATERAL sespan.budget_free('mails', c.address_key, c.known_browser, sqlc.narg(visitor)::inet) AS l
LEFT JOIN LATERAL (
    SELECT * FROM sespan.otp AS x WHERE x.challenge_id = c.challenge_id ORDER BY x.otp_id DESC LIMIT 1
) AS o ON true
LEFT JOIN LATERAL (
    SELECT y.message_id, y.created_at
    FROM (SELECT * FROM sespan.otp AS x WHERE x.otp_id <= o.otp_id ORDER BY x.otp_id DESC LIMIT 20) AS y
    WHERE y.message_id IS NOT NULL ORDER BY y.otp_id DESC LIMIT 1
) AS m ON true
WHERE c.challenge_id = @challenge_id;

-- name: OTPBudgetLockOf :exec
-- Locks the budget of a challenge. One without a budget row has no live code.
SELECT b.budget_key FROM sespan.otp_budget AS b
WHERE b.budget_key = (SELECT c.budget_key FROM sespan.otp_challenge AS c WHERE c.challenge_id = @challenge_id)
FOR UPDATE;

-- name: OTPGuess :one
-- Follows OTPBudgetLockOf. Locks the challenge by counting the guess on it and on
-- the budget, where both have one left and the newest code is alive; the columns
-- show both as they were before. Nothing has been compared yet. Of a challenge that was
-- verified a moment ago it counts the repetition, so that what was typed twice may be
-- told from what is guessed, five times at most.
WITH target AS (
    SELECT c.challenge_id, b.budget_key,
           ARRAY(SELECT t.at FROM unnest(b.wrong_at) AS t(at) WHERE t.at > now() - interval '1 hour') AS wrong_at
    FROM sespan.otp_challenge AS c
    JOIN sespan.otp_budget AS b ON b.budget_key = c.budget_key
    WHERE c.challenge_id = @challenge_id
), counted AS (
    UPDATE sespan.otp_challenge AS c SET wrong_guesses = c.wrong_guesses + 1
    FROM target AS t
    WHERE c.challenge_id = @challenge_id AND c.status = 'pending' AND c.valid_until > now()
      AND c.wrong_guesses < @guesses::bigint AND cardinality(t.wrong_at) < @guesses_per_hour::bigint
    RETURNING c.challenge_id
), spent AS (
    UPDATE sespan.otp_budget AS b SET wrong_at = t.wrong_at || now(), touched_at = now()
    FROM target AS t JOIN counted AS k ON k.challenge_id = t.challenge_id
    WHERE b.budget_key = t.budget_key
), repeated AS (
    UPDATE sespan.otp_challenge AS c SET repeats = c.repeats + 1
    WHERE c.challenge_id = @challenge_id AND c.status = 'verified' AND c.verified_at > now() - interval '10 minutes' AND c.repeats < @guesses::bigint
    RETURNING c.challenge_id
)
SELECT now()::timestamptz AS at, sqlc.embed(c), EXISTS (SELECT FROM counted) AS counted, EXISTS (SELECT FROM repeated) AS repeated,
       cu.customer_id AS found_id, cu.email AS customer_email, cu.is_active AS customer_active,
       (a.customer_id IS NOT NULL)::boolean AS right_known, (coalesce(a.used_at, a.revoked_at) IS NOT NULL)::boolean AS right_ended,
       b.wrong_at, coalesce(l.free_at, now())::timestamptz AS free_at, coalesce(l.next_at, now())::timestamptz AS next_at,
       coalesce(o.otp_ids, '{}')::bigint[] AS otp_ids, coalesce(o.key_ids, '{}')::text[] AS key_ids,
       coalesce(o.otp_numbers, '{}')::bytea[] AS otp_numbers, coalesce(o.valid_untils, '{}')::timestamptz[] AS valid_untils
FROM sespan.otp_challenge AS c
LEFT JOIN LATERAL sespan.customer_by_id(c.customer_id) AS cu ON c.customer_id IS NOT NULL
LEFT JOIN sespan.otp_activation AS a ON a.customer_id = c.customer_id
LEFT JOIN sespan.otp_budget AS b ON b.budget_key = c.budget_key
CROSS JOIN LATERAL sespan.budget_free('mails', c.address_key, c.known_browser, NULL) AS l
LEFT JOIN LATERAL (
    SELECT array_agg(x.otp_id) AS otp_ids, array_agg(x.key_id) AS key_ids, array_agg(x.otp_number) AS otp_numbers,
           array_agg(x.valid_until) AS valid_untils
    FROM sespan.otp AS x WHERE x.challenge_id = c.challenge_id AND x.status = CASE c.status WHEN 'verified' THEN 'verified' ELSE 'pending' END
) AS o ON true
WHERE c.challenge_id = @challenge_id;

-- name: OTPRightEnd :exec
-- Locks the right to activate. Ends one that is unused.
UPDATE sespan.otp_activation AS a SET revoked_at = now()
WHERE a.customer_id = @customer_id::bigint AND a.used_at IS NULL AND a.revoked_at IS NULL;

-- name: OTPChallengeInsert :exec
-- Follows OTPBudgetOpen. Locks the challenge that the new one replaces, and its codes.
WITH budget AS (
    UPDATE sespan.otp_budget AS b SET touched_at = now() WHERE b.budget_key = @budget_key
), replaced AS (
    UPDATE sespan.otp_challenge AS c SET status = 'superseded', sealed_data = NULL
    WHERE c.challenge_id = sqlc.narg(replaces)::uuid AND c.status = 'pending'
    RETURNING c.challenge_id
), codes AS (
    UPDATE sespan.otp AS o SET status = 'superseded'
    FROM replaced AS r WHERE o.challenge_id = r.challenge_id AND o.status = 'pending'
)
INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key, address_key, known_browser, created_at, sent_at, valid_until,
    decoy, purpose, locale, email, sealed_data)
VALUES (@challenge_id, sqlc.narg(customer_id), @budget_key, @address_key, @known_browser, now(), now(), @valid_until, @decoy, @purpose, @locale, @email, sqlc.narg(sealed_data));

-- name: OTPChallengeExtend :exec
-- Follows OTPBudgetOpenOf or OTPBudgetOpen. Locks the challenge and, by id, those
-- of its codes that give way to a further one: the oldest beyond live_codes, and
-- what has expired.
WITH budget AS (
    UPDATE sespan.otp_budget AS b SET touched_at = now()
    FROM sespan.otp_challenge AS x WHERE x.challenge_id = @challenge_id AND b.budget_key = x.budget_key
), challenge AS (
    UPDATE sespan.otp_challenge AS c SET sent_at = now(), valid_until = @valid_until
    WHERE c.challenge_id = @challenge_id
    RETURNING c.challenge_id
), pending AS (
    SELECT x.otp_id, row_number() OVER (ORDER BY x.otp_id DESC) AS age
    FROM sespan.otp AS x JOIN challenge AS c ON c.challenge_id = x.challenge_id
    WHERE x.status = 'pending'
)
UPDATE sespan.otp AS o SET status = CASE WHEN o.valid_until <= now() THEN 'expired' ELSE 'superseded' END
FROM pending AS p
WHERE o.otp_id = p.otp_id AND (p.age >= @live_codes::bigint OR o.valid_until <= now());

-- name: OTPInsert :exec
-- Takes a KEY SHARE lock on the customer (foreign key).
INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email, key_id, otp_number, message_id)
VALUES (sqlc.narg(customer_id), @challenge_id, @valid_until, @purpose, @email, @key_id, @otp_number,
        CASE WHEN @deliver::boolean THEN sespan.mail_enqueue_sealed(@email, @subject::text, @sealed::bytea, 'otp', 1, @valid_until, sqlc.narg(traceparent)) END);

-- name: OTPMailsSpend :exec
-- The last statement of a transaction. Counts one mail; locks a row of the site's day.
SELECT sespan.budget_spend('mails', @address_key, @known_browser, sqlc.narg(visitor)::inet);

-- name: OTPLock :exec
-- Follows OTPGuess. Locks the challenge, then its codes.
WITH challenge AS (
    UPDATE sespan.otp_challenge AS c SET status = 'locked', sealed_data = NULL
    WHERE c.challenge_id = @challenge_id AND c.status = 'pending'
    RETURNING c.challenge_id
)
UPDATE sespan.otp AS o SET status = 'locked'
FROM challenge AS c WHERE o.challenge_id = c.challenge_id AND o.status = 'pending';

-- name: OTPExpire :exec
-- Follows OTPBudgetLockOf. Locks the codes.
UPDATE sespan.otp AS o SET status = 'expired'
WHERE o.challenge_id = @challenge_id AND o.status = 'pending' AND o.valid_until <= now();

-- name: OTPConsume :one
-- Follows OTPGuess. Locks the codes by id, then the right to activate, then the
-- customer, in this order because each needs what the one before gave. Uses all
-- codes up and the right too, gives the counted guess back, and activates where
-- the right allows it: all of it or, without the code (found is false), nothing. The
-- customer's row is not waited for: 55P03 where somebody else has it.
WITH code AS (
    SELECT o.otp_id FROM sespan.otp AS o
    WHERE o.challenge_id = @challenge_id AND o.status = 'pending'
    ORDER BY o.otp_id FOR UPDATE
), found AS (
    SELECT @otp_id::bigint IN (SELECT otp_id FROM code) AS yes
), activation AS (
    UPDATE sespan.otp_activation AS a SET used_at = now()
    FROM found AS f
    WHERE f.yes AND @may_use::boolean AND @status::text = 'verified' AND a.customer_id = sqlc.narg(customer_id)::bigint
      AND a.used_at IS NULL AND a.revoked_at IS NULL
    RETURNING a.customer_id
), verdict AS (
    SELECT f.yes, CASE WHEN @needs_right::boolean AND @status::text = 'verified' AND NOT EXISTS (SELECT FROM activation)
                       THEN 'refused' ELSE @status::text END AS status
    FROM found AS f
), codes AS (
    UPDATE sespan.otp AS o SET status = CASE WHEN o.otp_id = @otp_id::bigint AND v.status = 'verified' THEN 'verified' ELSE 'superseded' END
    FROM code AS k, verdict AS v
    WHERE o.otp_id = k.otp_id AND v.yes
), challenge AS (
    UPDATE sespan.otp_challenge AS c
    SET status = v.status, wrong_guesses = c.wrong_guesses - 1, sealed_data = NULL, verified_at = CASE WHEN v.status = 'verified' THEN now() END
    FROM verdict AS v
    WHERE c.challenge_id = @challenge_id AND v.yes
    RETURNING c.budget_key
), budget AS (
    UPDATE sespan.otp_budget AS b SET wrong_at = b.wrong_at[:cardinality(b.wrong_at) - 1]
    FROM challenge AS c WHERE b.budget_key = c.budget_key
)
SELECT v.yes::boolean AS found, v.status::text AS status, now()::timestamptz AS at,
       coalesce((SELECT sespan.customer_activate(a.customer_id) FROM activation AS a WHERE @needs_right::boolean), false)::boolean AS activated
FROM verdict AS v;

-- name: OTPRevoke :one
-- Locks the right to activate.
SELECT sespan.otp_revoke(@customer_id::bigint)::bigint AS changed;

-- name: OTPSweep :one
-- Locks what it changes, skipping what others hold.
SELECT sespan.otp_sweep(make_interval(secs => @keep_seconds::float8), @portion::int)::bigint AS changed;

-- name: OTPWatchKnown :one
SELECT (pg_catalog.to_regprocedure('sespan.otp_watch()') IS NOT NULL)::boolean AS known;

-- name: OTPWatched :one
-- Reads the catalogs.
SELECT sespan.otp_watched()::boolean AS watched;

-- name: OTPWatchBind :one
-- Locks the bound table (ACCESS EXCLUSIVE) for a moment where an older trigger goes.
SELECT coalesce(sespan.otp_watch_bind(), '')::text AS statement;

-- name: OTPWatchDrop :one
-- Locks the bound table (ACCESS EXCLUSIVE) for a moment where there is a trigger.
SELECT sespan.otp_watch_drop()::boolean AS changed;
