-- Made-up history of the shop: ten weeks up to an hour ago, so that charts and
-- reports have something to show. Every row of it is marked: customers are named
-- demo-…, orders DEMO-…, mails have the category demo. Rows go through the tables
-- themselves, so that the counting counts them; what ends later than it began is
-- inserted as begun and then updated, as in life.
-- Days before the first start have no partitions. They are made first, in their own
-- transaction: making one locks the default partition, which the service reads.
BEGIN;
SELECT count(sespan.partition_make(parent::regclass, (now() AT TIME ZONE 'UTC')::date - day))
FROM unnest(ARRAY['sespan.api_log', 'sespan.api_log_body', 'sespan.mail_message', 'sespan.mail_outcome']) AS parent, generate_series(1, 72) AS day;
COMMIT;

BEGIN;
SELECT setseed(0.41);
SELECT sespan.audit_as(actor => 'made-up history', way => 'sql');

INSERT INTO public.accounts_customer (email, username, phone_number, password, is_active, is_staff, is_superuser, date_joined, updated_at)
SELECT 'demo-' || n || '@example.com', 'demo-' || n, '', '!', true, false, false, now() - interval '72 days' + n * interval '9 hours', now()
FROM generate_series(1, 190) AS n
ON CONFLICT DO NOTHING;

-- When people come: more each week and at the end of each, at noon and in the
-- evening of the shop's zone. Logins, codes and orders take their moments from here.
CREATE TEMPORARY TABLE visit ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY v.at) AS n, v.at, c.customer_id, c.email, c.username, random() AS luck
FROM (SELECT ((now() AT TIME ZONE 'Asia/Jakarta')::date - day + make_interval(mins => least(1439, greatest(360,
              CASE WHEN random() < 0.45 THEN 740 ELSE 1170 END + 280 * (random() + random() + random() - 1.5)))::int, secs => 60 * random()))
             AT TIME ZONE 'Asia/Jakarta' AS at
      FROM generate_series(0, 70) AS day
      CROSS JOIN LATERAL generate_series(1, (34 + (70 - day) * 0.5 + 10 * random()
          + CASE WHEN extract(isodow FROM (now() AT TIME ZONE 'Asia/Jakarta')::date - day) >= 6 THEN 16 ELSE 0 END)::int)) AS v
CROSS JOIN LATERAL (
    SELECT u.id AS customer_id, u.email, u.username FROM public.accounts_customer u
    WHERE u.username LIKE 'demo-%' AND u.date_joined <= greatest(v.at, now() - interval '70 days')
    ORDER BY hashint8(u.id # extract(epoch FROM v.at)::bigint) LIMIT 1) AS c
WHERE v.at < now() - interval '1 hour';

-- Orders: two visits of three. The tiers are those of today.
INSERT INTO sespan.transaction_log (customer_id, order_ref, tier_id, username, discounted, transaction_amount, discounted_amount, transaction_time,
    draw_version, draw_epoch, client_nonce, draw_number, draw_threshold)
SELECT o.customer_id, 'DEMO-' || o.n, t.tier_id, o.username, d.won, o.amount,
       o.amount - CASE WHEN d.won THEN least(round(o.amount * t.discount), coalesce(t.maximum_discount, 'infinity')) ELSE 0 END, o.at,
       1, (o.at AT TIME ZONE 'UTC')::date, '', o.number, d.threshold
FROM (SELECT v.*, 1000 * round((45 + 900 * random() ^ 3) * (1 + random() / 2))::numeric AS amount, floor(random()::numeric * 18446744073709551616) AS number
      FROM visit v WHERE v.luck < 0.66) AS o
LEFT JOIN sespan.transaction_tier t ON t.is_active AND numrange(t.minimum_transaction, t.maximum_transaction) @> o.amount
CROSS JOIN LATERAL (SELECT floor(t.probability * 18446744073709551616) AS threshold OFFSET 0) AS h
CROSS JOIN LATERAL (SELECT h.threshold, coalesce(o.number < h.threshold, false) AS won OFFSET 0) AS d
ORDER BY o.at
ON CONFLICT DO NOTHING;

-- One order of forty is cancelled within two days.
UPDATE sespan.transaction_log l SET cancelled_at = l.transaction_time + random() * interval '2 days'
WHERE l.order_ref LIKE 'DEMO-%' AND l.transaction_id % 40 = 7 AND l.transaction_time < now() - interval '2 days';

-- Codes: one visit of four asks for one; some type it wrong first, some never come back.
CREATE TEMPORARY TABLE code ON COMMIT DROP AS
SELECT v.*, gen_random_uuid() AS challenge_id, nextval('sespan.mail_message_id_seq') AS message_id, sha256(convert_to('demo ' || v.email, 'UTF8')) AS digest,
       CASE WHEN v.n % 3 = 0 THEN 'login' ELSE 'registration' END AS purpose, w.wrong, random() AS end_luck
FROM visit v CROSS JOIN LATERAL (SELECT CASE WHEN v.n % 61 = 5 THEN 5 ELSE (2.2 * random() ^ 5)::int END AS wrong) AS w
WHERE v.luck > 0.52 AND v.luck < 0.78;

INSERT INTO sespan.mail_message (message_id, created_at, category, to_addresses, subject, size_bytes, priority, recipients, pending, sent, finished_at, wiped_at)
SELECT c.message_id, c.at, 'demo', ARRAY[c.email], 'Your code', 900, 1, 1, 0, 1, c.at + interval '1 second', c.at + interval '1 second' FROM code c;

INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key, address_key, known_browser, created_at, sent_at, valid_until, wrong_guesses, decoy, purpose, status, locale, email)
SELECT c.challenge_id, c.customer_id, substr(c.digest, 1, 16), c.email, false, c.at, c.at, c.at + interval '10 minutes',
       c.wrong, false, c.purpose, CASE WHEN c.wrong = 5 THEN 'locked' ELSE 'pending' END, 'en', c.email
FROM code c;

INSERT INTO sespan.otp (customer_id, challenge_id, created_at, valid_until, message_id, purpose, email, key_id, otp_number)
SELECT c.customer_id, c.challenge_id, c.at, c.at + interval '10 minutes', c.message_id, c.purpose, c.email, 'demo', c.digest FROM code c;

UPDATE sespan.otp o SET status = 'locked' FROM code c WHERE o.challenge_id = c.challenge_id AND c.wrong = 5;
UPDATE sespan.otp_challenge h SET status = 'verified', verified_at = c.at + interval '1 minute' * (0.3 + 4 * random()) FROM code c
WHERE h.challenge_id = c.challenge_id AND c.wrong < 5 AND c.end_luck < 0.86;
UPDATE sespan.otp o SET status = CASE WHEN c.end_luck < 0.86 THEN 'verified' ELSE 'expired' END FROM code c
WHERE o.challenge_id = c.challenge_id AND c.wrong < 5;

-- Mails of orders; a few addresses do not exist, some are tried again first.
INSERT INTO sespan.mail_message (created_at, category, to_addresses, subject, size_bytes, recipients, pending, sent, dead, finished_at, wiped_at)
SELECT l.transaction_time, 'demo', ARRAY[l.username || '@example.com'], 'Your order ' || l.order_ref, 4200, 1, 0,
       CASE WHEN l.transaction_id % 90 = 4 THEN 0 ELSE 1 END, CASE WHEN l.transaction_id % 90 = 4 THEN 1 ELSE 0 END,
       l.transaction_time + interval '2 seconds', l.transaction_time + interval '2 seconds'
FROM sespan.transaction_log l WHERE l.order_ref LIKE 'DEMO-%';

INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, code, recipient, reason, reply)
SELECT sespan.mail_first_queue_id(m.message_id), m.message_id, m.created_at, m.finished_at, s.state, CASE WHEN m.message_id % 23 = 0 THEN 2 ELSE 1 END,
       CASE s.state WHEN 'dead' THEN 550 END, m.to_addresses[1], CASE s.state WHEN 'dead' THEN 'rcpt_to' END,
       CASE s.state WHEN 'dead' THEN '550 5.1.1 no such user' ELSE '250 2.0.0 queued' END
FROM sespan.mail_message m CROSS JOIN LATERAL (SELECT CASE WHEN m.dead > 0 THEN 'dead' ELSE 'sent' END AS state) AS s
WHERE m.category = 'demo';

-- Wrong guesses and further tries are counted as they happen and leave no row of
-- their own: their counts are appended at the moments of this history.
INSERT INTO sespan.stats_otp (bucket, purpose, failed, locked)
SELECT date_bin('15 minutes', c.at + interval '75 seconds', '2000-01-01 00:00+00'), c.purpose, c.wrong, (c.wrong = 5)::int FROM code c WHERE c.wrong > 0;

INSERT INTO sespan.stats_mail (bucket, outcome, mails)
SELECT date_bin('15 minutes', o.finished_at, '2000-01-01 00:00+00'), 'retried', o.attempts - 1 FROM sespan.mail_outcome o WHERE o.attempts > 1;

-- The API log: a call for each order, login, code and typed code.
INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header, status, outcome,
    status_details, time_requested, time_responded, elapsed_time, customer_id)
SELECT gen_random_uuid(), ('192.0.2.' || 1 + a.customer_id % 250)::inet, a.request_type, jsonb_build_object(':method', 'POST', ':path', a.path),
       '{"content-type": "application/json"}', a.status, CASE WHEN a.details = '' THEN 'success' ELSE 'failure' END, a.details,
       a.at, a.at + t.took, t.took, a.customer_id
FROM (SELECT v.at, v.customer_id, 'Login' AS request_type, '/v1/logins' AS path, 201 AS status, CASE WHEN v.n % 17 = 3 THEN 'login-failed' ELSE '' END AS details
      FROM visit v WHERE v.luck < 0.9
      UNION ALL
      SELECT l.transaction_time, l.customer_id, 'Transaction', '/v1/transactions', 201, '' FROM sespan.transaction_log l WHERE l.order_ref LIKE 'DEMO-%'
      UNION ALL
      SELECT c.at, c.customer_id, 'OTP', '/v1/otp', 202, '' FROM code c
      UNION ALL
      SELECT c.at + interval '70 seconds' + w * interval '9 seconds', c.customer_id, 'OTP', '/v1/otp/' || c.challenge_id || '/verify',
             CASE WHEN w < c.wrong THEN 422 ELSE 200 END, CASE WHEN w < c.wrong THEN 'otp-incorrect' ELSE '' END
      FROM code c CROSS JOIN LATERAL generate_series(0, c.wrong) AS w WHERE c.wrong < 5 AND c.end_luck < 0.86 OR w < c.wrong) AS a
CROSS JOIN LATERAL (SELECT interval '1 millisecond' * (2 + 6 * random() + CASE WHEN random() < 0.03 THEN 150 * random() ELSE 0 END) AS took
                    WHERE a.customer_id IS NOT NULL) AS t
ORDER BY a.at;
COMMIT;
