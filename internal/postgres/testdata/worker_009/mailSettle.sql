WITH result AS MATERIALIZED (
    SELECT unnest($1::bigint[]) AS queue_id, unnest($2::bigint[]) AS lease_token, unnest($3::text[]) AS state,
           unnest($4::int[]) AS tries, unnest($5::float8[]) AS delay, unnest($6::text[]) AS reason,
           unnest($7::int[]) AS code, unnest($8::text[]) AS reply, unnest($9::text[]) AS relay
), gone AS (
    DELETE FROM sespan.mail_queue q
    USING result r
    WHERE q.queue_id = ANY (ARRAY(SELECT u.queue_id FROM result u)) AND q.queue_id = r.queue_id AND q.lease_token = r.lease_token
      AND r.state NOT IN ('retry', 'unknown')
    RETURNING q.queue_id, q.message_id, q.created_at, q.recipient, q.attempts
), kept AS (
    UPDATE sespan.mail_queue q
    SET state = r.state, attempts = q.attempts + r.tries, tried_at = clock_timestamp(), lease_token = NULL, leased_until = NULL, started = false,
        due_at = CASE r.state WHEN 'unknown' THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => r.delay) END,
        last_reason = r.reason, last_code = nullif(r.code, 0), last_reply = nullif(r.reply, '')
    FROM result r
    WHERE q.queue_id = ANY (ARRAY(SELECT u.queue_id FROM result u)) AND q.queue_id = r.queue_id AND q.lease_token = r.lease_token
      AND r.state IN ('retry', 'unknown')
    RETURNING q.queue_id
), outcome AS (
    INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, code, recipient, reason, reply, relay)
    SELECT g.queue_id, g.message_id, g.created_at, clock_timestamp(), r.state, g.attempts + r.tries, nullif(r.code, 0), g.recipient,
           nullif(r.reason, ''), nullif(r.reply, ''), nullif(r.relay, '')
    FROM gone g
    JOIN result r ON r.queue_id = g.queue_id
), part AS MATERIALIZED (
    SELECT g.message_id, g.created_at, count(*)::smallint AS finals, (count(*) FILTER (WHERE r.state = 'sent'))::smallint AS sent,
           (count(*) FILTER (WHERE r.state = 'dead'))::smallint AS dead
    FROM gone g
    JOIN result r ON r.queue_id = g.queue_id
    GROUP BY g.message_id, g.created_at
    ORDER BY g.message_id
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
    WHERE m.message_id = p.message_id AND m.created_at = p.created_at
)
SELECT g.queue_id FROM gone g UNION ALL SELECT k.queue_id FROM kept k
