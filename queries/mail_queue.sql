-- name: MailClaim :many
-- Leases up to batch_limit ready rows for one worker and reads their content.
-- Locks: the picked queue rows (FOR UPDATE SKIP LOCKED, so two workers never wait
-- for each other nor take the same row) for this statement only; no transaction is
-- open while a mail is sent. queue_after and due_window are lower bounds that the
-- worker moves on: without them a claim walks over every dead index entry that a
-- held snapshot keeps alive. byte_limit bounds the memory of one claim; the first
-- row is always taken. Only priorities below the limit are looked at where a worker that
-- has its share of the others looks for what passes them. ANY (ARRAY(…)) instead of a join, here and below: it always
-- goes through the primary key, where a join is at times planned as a scan of the
-- whole queue for each batch. A pause of everything leaves the rows alone; those of
-- a paused category or domain are answered as parked, and MailPark parks them.
-- Pauses and suppressions are looked up only while there are any; those of an address
-- beyond ASCII by MailReaddress, which follows. The content is looked up row by row (OFFSET 0
-- keeps the look-up apart): statistics of a moment ago, when the table was empty or its rows
-- were not committed, make a join that reads all of it look cheaper.
WITH due AS MATERIALIZED (
    SELECT d.queue_id, d.size_bytes, d.priority
    FROM (SELECT generate_series(0, 9)::smallint AS priority LIMIT @priority_limit::int) per_priority
    CROSS JOIN LATERAL (
        SELECT q.queue_id, q.size_bytes, q.priority
        FROM sespan.mail_queue q
        WHERE q.state IN ('scheduled', 'retry') AND q.priority = per_priority.priority
          AND q.due_at > now() - make_interval(secs => @due_window::float8) AND q.due_at <= now()
          AND NOT EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = 'all')
        ORDER BY q.due_at
        LIMIT @due_limit::int
        FOR UPDATE SKIP LOCKED
    ) d
    LIMIT @due_limit::int
), fresh AS MATERIALIZED (
    SELECT f.queue_id, f.size_bytes, f.priority
    FROM (SELECT generate_series(0, 9)::smallint AS priority, unnest(@queue_after::bigint[]) AS lower_id LIMIT @priority_limit::int) per_priority
    CROSS JOIN LATERAL (
        SELECT q.queue_id, q.size_bytes, q.priority
        FROM sespan.mail_queue q
        WHERE q.state = 'queued' AND (q.priority, q.queue_id) > (per_priority.priority, per_priority.lower_id) AND q.priority <= per_priority.priority
          AND NOT EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = 'all')
        ORDER BY q.priority, q.queue_id
        LIMIT @batch_limit::int
        FOR UPDATE SKIP LOCKED
    ) f
    LIMIT sqlc.arg(batch_limit)::int - (SELECT count(*) FROM due)
), picked AS (
    SELECT r.queue_id, sum(r.size_bytes) OVER (ORDER BY r.fresh, r.priority, r.queue_id) - r.size_bytes AS bytes_before
    FROM (SELECT d.queue_id, d.size_bytes, d.priority, false AS fresh FROM due d
          UNION ALL SELECT f.queue_id, f.size_bytes, f.priority, true FROM fresh f) r
), leased AS (
    UPDATE sespan.mail_queue q
    SET state = 'sending', lease_token = @lease_token::bigint, started = false,
        leased_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
    WHERE q.queue_id = ANY (ARRAY(SELECT p.queue_id FROM picked p WHERE p.bytes_before < @byte_limit::bigint))
    RETURNING q.queue_id, q.message_id, q.created_at, q.recipient, q.priority, q.attempts, q.lapses, q.on_unknown, q.expires_at, q.size_bytes
)
SELECT q.queue_id, q.message_id, q.created_at, q.recipient, q.priority, q.attempts, q.lapses, q.size_bytes,
       q.queue_id <> ALL (ARRAY(SELECT d.queue_id FROM due d)) AS fresh, q.on_unknown = 'hold' AS hold,
       coalesce(extract(epoch FROM CASE WHEN q.expires_at < 'infinity' THEN q.expires_at - clock_timestamp() END), 'infinity')::float8 AS expires_in,
       extract(epoch FROM clock_timestamp() - greatest(q.created_at, m.send_at))::float8 AS waited,
       (m.message_id IS NOT NULL AND m.wiped_at IS NULL)::boolean AS content_found,
       greatest(q.created_at, m.send_at)::timestamptz AS dated,
       coalesce(CASE WHEN EXISTS (SELECT FROM sespan.mail_pause) THEN (
           SELECT p.what FROM sespan.mail_pause p WHERE p.what IN ('category:' || m.category, 'domain:' || sespan.address_domain(q.recipient)) LIMIT 1
       ) END, '')::text AS parked,
       coalesce(CASE WHEN EXISTS (SELECT FROM sespan.mail_suppression) THEN sespan.mail_suppressed(sespan.address_key(q.recipient),
           m.sealed IS NOT NULL OR coalesce(m.category = 'otp', false), CASE WHEN m.headers IS NULL AND m.raw IS NULL THEN false ELSE sespan.mail_bulk(m.headers, m.raw) END
       ) END, '')::text AS suppressed,
       m.sender, m.reply_to, coalesce(m.to_addresses, '{}')::text[] AS to_addresses, coalesce(m.cc_addresses, '{}')::text[] AS cc_addresses,
       coalesce(m.subject, '')::text AS subject, m.body_text, m.body_html, m.headers, m.attachments, m.raw, m.sealed, m.traceparent
FROM leased q
LEFT JOIN LATERAL (
    SELECT c.* FROM sespan.mail_message c WHERE c.message_id = q.message_id AND c.created_at = q.created_at OFFSET 0
) m ON true;

-- name: MailReaddress :many
-- Follows MailClaim for recipients beyond ASCII, whose address to write to and key
-- the worker has made: stores the first, and answers whether a pause or a suppression
-- meets the second. Locks these queue rows only, which are leased.
WITH given AS MATERIALIZED (
    SELECT unnest(@queue_ids::bigint[]) AS queue_id, unnest(@lease_tokens::bigint[]) AS lease_token,
           unnest(@mailboxes::text[]) AS mailbox, unnest(@address_keys::text[]) AS address_key
), written AS (
    UPDATE sespan.mail_queue q SET recipient = g.mailbox
    FROM given g
    WHERE q.queue_id = ANY (@queue_ids::bigint[]) AND q.queue_id = g.queue_id AND q.lease_token = g.lease_token AND q.recipient <> g.mailbox
)
SELECT q.queue_id,
       coalesce((SELECT p.what FROM sespan.mail_pause p WHERE p.what IN ('category:' || m.category, 'domain:' || sespan.address_domain(g.mailbox)) LIMIT 1), '')::text AS parked,
       coalesce(sespan.mail_suppressed(g.address_key, m.sealed IS NOT NULL OR coalesce(m.category = 'otp', false), sespan.mail_bulk(m.headers, m.raw)), '')::text AS suppressed
FROM given g
JOIN sespan.mail_queue q ON q.queue_id = ANY (@queue_ids::bigint[]) AND q.queue_id = g.queue_id AND q.lease_token = g.lease_token
LEFT JOIN LATERAL (
    SELECT c.* FROM sespan.mail_message c WHERE c.message_id = q.message_id AND c.created_at = q.created_at OFFSET 0
) m ON true;

-- name: MailMarkSending :many
-- Marks rows as possibly sent before their sending begins; answers those that are
-- still leased. Locks these rows only.
UPDATE sespan.mail_queue q
SET started = true
FROM (SELECT unnest(@queue_ids::bigint[]) AS queue_id, unnest(@lease_tokens::bigint[]) AS lease_token) h
WHERE q.queue_id = ANY (@queue_ids::bigint[]) AND q.queue_id = h.queue_id AND q.lease_token = h.lease_token AND q.leased_until > clock_timestamp()
RETURNING q.queue_id;

-- name: MailRenewLeases :many
-- The heartbeat: leases that are still held live on. Locks these rows only; no
-- index holds leased_until, so the update stays in its page.
UPDATE sespan.mail_queue q
SET leased_until = clock_timestamp() + make_interval(secs => @lease_seconds::float8)
FROM (SELECT unnest(@queue_ids::bigint[]) AS queue_id, unnest(@lease_tokens::bigint[]) AS lease_token) h
WHERE q.queue_id = ANY (@queue_ids::bigint[]) AND q.queue_id = h.queue_id AND q.lease_token = h.lease_token
RETURNING q.queue_id;

-- name: MailRelease :one
-- Gives back what was claimed and not sent, and notifies, because an update does not.
-- As rows that are due: the scan cursors of other workers may be past the row.
WITH released AS (
    UPDATE sespan.mail_queue q
    SET state = CASE WHEN q.attempts = 0 THEN 'scheduled' ELSE 'retry' END, due_at = clock_timestamp(),
        lease_token = NULL, leased_until = NULL, started = false
    FROM (SELECT unnest(@queue_ids::bigint[]) AS queue_id, unnest(@lease_tokens::bigint[]) AS lease_token) h
    WHERE q.queue_id = ANY (@queue_ids::bigint[]) AND q.queue_id = h.queue_id AND q.lease_token = h.lease_token
    RETURNING 1
), notified AS (SELECT sespan.mail_notify())
SELECT (SELECT count(*) FROM released)::int AS released FROM notified;

-- name: MailReclaim :many
-- Takes back the rows of workers that vanished. Reads the whole hot table, which is
-- small by design, now and then: an index on leased_until would cost every claim.
-- Where a second mail is worse than none (hold) a row that may be sent waits for a
-- person. Locks the lapsed rows, skipping locked ones.
WITH lapsed AS MATERIALIZED (
    SELECT q.queue_id
    FROM sespan.mail_queue q
    WHERE q.state = 'sending' AND q.leased_until < clock_timestamp()
    LIMIT @row_limit::int
    FOR UPDATE SKIP LOCKED
)
UPDATE sespan.mail_queue q
SET state = CASE WHEN q.started AND q.on_unknown = 'hold' THEN 'unknown' ELSE 'retry' END,
    due_at = CASE WHEN q.started AND q.on_unknown = 'hold' THEN 'infinity' ELSE clock_timestamp() END,
    lapses = q.lapses + CASE WHEN q.started OR q.lapses = 0 THEN 1 ELSE 0 END,
    last_reason = 'lapsed', lease_token = NULL, leased_until = NULL, started = false
WHERE q.queue_id = ANY (ARRAY(SELECT l.queue_id FROM lapsed l))
RETURNING q.queue_id, q.state;

-- name: MailSettle :many
-- Writes a batch of results. Only rows that still carry the token of their lease
-- are touched (the fence), and their ids are answered. A final state moves to
-- mail_outcome; the message counts it, and with the last recipient its body is
-- wiped. Tries that failed for now are counted here, because a trigger on the hot
-- table would cost every claim; a trigger of mail_outcome counts the others. Locks: these queue rows, then their messages in id order, because another
-- worker may settle other recipients of the same ones now. Each series has one row,
-- and its length hides from the planner: without it PostgreSQL takes the results
-- for ten, and as soon as it has statistics compares each of 256 with each.
WITH result AS MATERIALIZED (
    SELECT unnest(@queue_ids::bigint[]) AS queue_id, unnest(@lease_tokens::bigint[]) AS lease_token, unnest(@states::text[]) AS state,
           unnest(@tries::int[]) AS tries, unnest(@delays::float8[]) AS delay, unnest(@reasons::text[]) AS reason,
           unnest(@codes::int[]) AS code, unnest(@replies::text[]) AS reply, unnest(@relays::text[]) AS relay
    FROM generate_series(1, (SELECT 1)) many
), gone AS (
    DELETE FROM sespan.mail_queue q
    USING result r
    WHERE q.queue_id = ANY (ARRAY(SELECT u.queue_id FROM result u WHERE u.state NOT IN ('retry', 'unknown')))
      AND q.queue_id = r.queue_id AND q.lease_token = r.lease_token
    RETURNING q.queue_id, q.message_id, q.created_at, q.recipient, q.attempts
), kept AS (
    UPDATE sespan.mail_queue q
    SET state = r.state, attempts = q.attempts + r.tries, tried_at = clock_timestamp(), lease_token = NULL, leased_until = NULL, started = false,
        due_at = CASE r.state WHEN 'unknown' THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => r.delay) END,
        last_reason = r.reason, last_code = nullif(r.code, 0), last_reply = nullif(r.reply, '')
    FROM result r
    WHERE q.queue_id = ANY (ARRAY(SELECT u.queue_id FROM result u WHERE u.state IN ('retry', 'unknown')))
      AND q.queue_id = r.queue_id AND q.lease_token = r.lease_token
    RETURNING q.queue_id, q.tried_at, r.state = 'retry' AND r.tries > 0 AS repeated
), repeated AS (
    INSERT INTO sespan.stats_mail (bucket, outcome, mails)
    SELECT date_bin('15 minutes', k.tried_at, '2000-01-01 00:00+00'), 'retried', count(*) FROM kept k WHERE k.repeated GROUP BY 1
), outcome AS (
    INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, code, recipient, reason, reply, relay)
    SELECT g.queue_id, g.message_id, g.created_at, clock_timestamp(), r.state, g.attempts + r.tries, nullif(r.code, 0), g.recipient,
           nullif(r.reason, ''), nullif(r.reply, ''), nullif(r.relay, '')
    FROM gone g
    JOIN result r ON r.queue_id = g.queue_id
), part AS MATERIALIZED (
    SELECT g.*
    FROM (SELECT g.message_id, g.created_at, count(*)::smallint AS finals, (count(*) FILTER (WHERE r.state = 'sent'))::smallint AS sent,
                 (count(*) FILTER (WHERE r.state = 'dead'))::smallint AS dead
          FROM gone g
          JOIN result r ON r.queue_id = g.queue_id
          GROUP BY g.message_id, g.created_at) g CROSS JOIN generate_series(1, (SELECT 1)) many
    ORDER BY g.message_id, g.created_at
), rule AS MATERIALIZED (
    SELECT s.value::int AS dead_body_hours FROM sespan.mail_setting s WHERE s.name = 'mail_dead_body_hours'
), counted AS (
    UPDATE sespan.mail_message m
    SET pending = m.pending - p.finals, sent = m.sent + p.sent, dead = m.dead + p.dead,
        (finished_at, wipe_at, wiped_at) = (
            SELECT CASE WHEN f.finished THEN clock_timestamp() END,
                   CASE WHEN f.finished AND NOT f.wipe AND NOT m.retain_body THEN clock_timestamp() + make_interval(hours => u.dead_body_hours) END,
                   CASE WHEN f.wipe THEN clock_timestamp() END
            FROM (SELECT m.pending = p.finals AS finished, m.pending = p.finals AND (m.sealed IS NOT NULL
                      OR NOT m.retain_body AND (m.dead + p.dead = 0 OR u.dead_body_hours = 0)) AS wipe) f),
        (body_text, body_html, headers, attachments, raw, sealed) = (
            SELECT m.body_text, m.body_html, m.headers, m.attachments, m.raw, m.sealed
            WHERE NOT (m.pending = p.finals AND (m.sealed IS NOT NULL
                       OR NOT m.retain_body AND (m.dead + p.dead = 0 OR u.dead_body_hours = 0))))
    FROM part p, rule u
    WHERE m.message_id = ANY (ARRAY(SELECT x.message_id FROM part x)) AND m.message_id = p.message_id AND m.created_at = p.created_at
      AND m.created_at >= (SELECT min(x.created_at) FROM part x) AND m.created_at <= (SELECT max(x.created_at) FROM part x)
)
SELECT g.queue_id FROM gone g UNION ALL SELECT k.queue_id FROM kept k;

-- name: MailCleanup :one
-- Wipes the bodies whose time has come and drops old idempotency keys, a bounded
-- number of each. Locks these rows, skipping locked ones.
WITH old AS MATERIALIZED (
    SELECT m.message_id, m.created_at FROM sespan.mail_message m
    WHERE m.wipe_at <= now() ORDER BY m.wipe_at LIMIT @row_limit::int FOR UPDATE SKIP LOCKED
), wiped AS (
    UPDATE sespan.mail_message m
    SET wipe_at = NULL, wiped_at = now(), body_text = NULL, body_html = NULL, headers = NULL, attachments = NULL, raw = NULL, sealed = NULL
    WHERE m.message_id = ANY (ARRAY(SELECT o.message_id FROM old o))
      AND m.created_at >= (SELECT min(o.created_at) FROM old o) AND m.created_at <= (SELECT max(o.created_at) FROM old o)
    RETURNING 1
), stale AS MATERIALIZED (
    SELECT k.idempotency_key FROM sespan.mail_idempotency k
    WHERE k.expires_at <= now() ORDER BY k.expires_at LIMIT @row_limit::int FOR UPDATE SKIP LOCKED
), dropped AS (
    DELETE FROM sespan.mail_idempotency k WHERE k.idempotency_key = ANY (ARRAY(SELECT s.idempotency_key FROM stale s)) RETURNING 1
), vanished AS (
    DELETE FROM sespan.mail_worker w WHERE w.seen_at < now() - interval '1 day'
)
SELECT (SELECT count(*) FROM wiped)::int AS wiped, (SELECT count(*) FROM dropped)::int AS dropped;

-- name: MailNextDue :one
-- Seconds until the next scheduled row or retry is due; infinity without one.
-- Starts after now: what is due already is the claim's business. Parked rows are
-- due at infinity, which PostgreSQL 16 cannot subtract from.
SELECT coalesce(extract(epoch FROM min(d.due_at) - clock_timestamp()), 'infinity')::float8 AS due_in
FROM (SELECT generate_series(0, 9)::smallint AS priority) per_priority
CROSS JOIN LATERAL (
    SELECT q.due_at FROM sespan.mail_queue q
    WHERE q.state IN ('scheduled', 'retry') AND q.priority = per_priority.priority AND q.due_at > now() AND q.due_at < 'infinity'
    ORDER BY q.due_at
    LIMIT 1
) d;

-- name: MailDepth :many
-- For the gauges: rows per state and the age of the oldest row that could be sent
-- now. Reads the whole hot table, so it runs seldom; of the dead, which wait for a
-- person, only their index.
SELECT q.state, count(*) AS rows,
       coalesce(extract(epoch FROM now() - min(q.due_at) FILTER (WHERE q.due_at <= now() AND q.state IN ('queued', 'scheduled', 'retry'))), 0)::float8 AS oldest_ready
FROM sespan.mail_queue q
GROUP BY q.state
UNION ALL SELECT 'dead', sespan.mail_dead_count(), 0;

-- name: MailLost :one
-- Mails of the last resort that a site could not queue.
SELECT sespan.mail_lost()::bigint AS lost;
