-- The mail queue: content in day partitions, one narrow hot row per envelope
-- recipient, the outcome of each recipient beside the content, and the settings.

CREATE SEQUENCE sespan.mail_message_id_seq;
COMMENT ON SEQUENCE sespan.mail_message_id_seq IS 'message_id of mails; numbers are left out, never used twice';

CREATE TABLE sespan.mail_message (
    message_id   bigint NOT NULL DEFAULT nextval('sespan.mail_message_id_seq'),
    created_at   timestamptz NOT NULL DEFAULT now(),
    category     text,
    sender       text,
    reply_to     text,
    to_addresses text[] NOT NULL DEFAULT '{}',
    cc_addresses text[] NOT NULL DEFAULT '{}',
    subject      text NOT NULL DEFAULT '',
    body_text    text,
    body_html    text,
    headers      jsonb,
    attachments  jsonb,
    raw          bytea,
    sealed       bytea,
    send_at      timestamptz,
    expires_at   timestamptz,
    size_bytes   int NOT NULL,
    priority     smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    recipients   smallint NOT NULL CHECK (recipients BETWEEN 1 AND 1000),
    pending      smallint NOT NULL CHECK (pending BETWEEN 0 AND recipients),
    sent         smallint NOT NULL DEFAULT 0,
    dead         smallint NOT NULL DEFAULT 0,
    on_unknown   text NOT NULL DEFAULT 'retry' CHECK (on_unknown IN ('retry', 'hold')),
    retain_body  boolean NOT NULL DEFAULT false,
    finished_at  timestamptz,
    wipe_at      timestamptz,
    wiped_at     timestamptz,
    traceparent  text,
    PRIMARY KEY (message_id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE sespan.mail_message_default PARTITION OF sespan.mail_message DEFAULT;
-- Few rows at any time: only messages with a dead recipient carry wipe_at.
CREATE INDEX mail_message_wipe_at_idx ON sespan.mail_message (wipe_at) WHERE wipe_at IS NOT NULL;
SELECT sespan.partition_ensure('sespan.mail_message', 7);
COMMENT ON TABLE sespan.mail_message IS 'Content of a mail and the sum of its recipients'' states; one partition per UTC day of created_at';
COMMENT ON COLUMN sespan.mail_message.message_id IS 'Identity, answered by mail_enqueue';
COMMENT ON COLUMN sespan.mail_message.created_at IS 'Start of the enqueuing transaction; the partition key';
COMMENT ON COLUMN sespan.mail_message.category IS 'Free label of the site, such as order or newsletter';
COMMENT ON COLUMN sespan.mail_message.sender IS 'From mailbox; NULL means the service''s own address';
COMMENT ON COLUMN sespan.mail_message.reply_to IS 'Reply-To mailbox';
COMMENT ON COLUMN sespan.mail_message.to_addresses IS 'To header, RFC 5322 mailboxes';
COMMENT ON COLUMN sespan.mail_message.cc_addresses IS 'Cc header; Bcc recipients stand only in the queue and the outcomes';
COMMENT ON COLUMN sespan.mail_message.subject IS 'Subject, never holds a code';
COMMENT ON COLUMN sespan.mail_message.body_text IS 'Text part; NULL after wiping';
COMMENT ON COLUMN sespan.mail_message.body_html IS 'HTML part; NULL after wiping';
COMMENT ON COLUMN sespan.mail_message.headers IS 'Extra headers, name to value';
COMMENT ON COLUMN sespan.mail_message.attachments IS '[{filename, content_type, content (base64), content_id}]; NULL after wiping';
COMMENT ON COLUMN sespan.mail_message.raw IS 'A whole MIME message instead of the parts; NULL after wiping';
COMMENT ON COLUMN sespan.mail_message.sealed IS 'Encrypted {"text", "html"}; NULL as soon as every recipient is in a final state';
COMMENT ON COLUMN sespan.mail_message.send_at IS 'Not before; NULL is at once';
COMMENT ON COLUMN sespan.mail_message.expires_at IS 'Not after: a mail that is later is not sent';
COMMENT ON COLUMN sespan.mail_message.size_bytes IS 'Bytes of all parts as stored; bounds the worker''s memory';
COMMENT ON COLUMN sespan.mail_message.priority IS '0 (first) to 9 (last)';
COMMENT ON COLUMN sespan.mail_message.recipients IS 'Number of envelope recipients';
COMMENT ON COLUMN sespan.mail_message.pending IS 'Recipients that still have a row in mail_queue';
COMMENT ON COLUMN sespan.mail_message.sent IS 'Recipients whose mail a server took';
COMMENT ON COLUMN sespan.mail_message.dead IS 'Recipients whose mail is dead';
COMMENT ON COLUMN sespan.mail_message.on_unknown IS 'After a lost answer: retry (may arrive twice) or hold (a person decides)';
COMMENT ON COLUMN sespan.mail_message.retain_body IS 'Keep the body after the final state; a sealed body is wiped all the same';
COMMENT ON COLUMN sespan.mail_message.finished_at IS 'When the last recipient reached a final state';
COMMENT ON COLUMN sespan.mail_message.wipe_at IS 'When the body of a finished message with dead recipients is wiped';
COMMENT ON COLUMN sespan.mail_message.wiped_at IS 'When the body was wiped';
COMMENT ON COLUMN sespan.mail_message.traceparent IS 'The trace that the mail belongs to (W3C Trace Context); NULL for none';

CREATE TABLE sespan.mail_queue (
    queue_id     bigint PRIMARY KEY,
    message_id   bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    lease_token  bigint,
    expires_at   timestamptz,
    tried_at     timestamptz,
    announced_at timestamptz,
    size_bytes   int NOT NULL,
    priority     smallint NOT NULL,
    attempts     smallint NOT NULL DEFAULT 0,
    lapses       smallint NOT NULL DEFAULT 0,
    last_code    smallint,
    started      boolean NOT NULL DEFAULT false,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'scheduled', 'sending', 'sent', 'retry',
                     'unknown', 'dead', 'expired', 'suppressed', 'cancelled')),
    on_unknown   text NOT NULL DEFAULT 'retry' CHECK (on_unknown IN ('retry', 'hold')),
    recipient    text NOT NULL,
    last_reason  text,
    last_reply   text,
    parked       text,
    CHECK ((state = 'sending') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 45, -- each row once more in its page: the mark of an announcement stays in it (HOT)
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 2000,
        autovacuum_analyze_scale_factor = 0.1, autovacuum_analyze_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX mail_queue_fresh_idx ON sespan.mail_queue (priority, queue_id) WHERE state = 'queued';
-- What is due in each priority, however much is due in the others.
CREATE INDEX mail_queue_due_idx ON sespan.mail_queue (priority, due_at, queue_id) WHERE state IN ('scheduled', 'retry');
-- A worker that meets a row of a paused category or domain parks it, once: due at
-- infinity, so that no claim walks over it again. Few rows as a rule, and an
-- update that leaves parked alone stays in its page.
CREATE INDEX mail_queue_parked_idx ON sespan.mail_queue (parked) WHERE parked IS NOT NULL;
COMMENT ON TABLE sespan.mail_queue IS 'Hot rows: one per envelope recipient that is not in a final state; deleted when its outcome is written';
COMMENT ON COLUMN sespan.mail_queue.queue_id IS 'message_id * 1024 + position of the recipient, so a message''s rows are found without another index';
COMMENT ON COLUMN sespan.mail_queue.message_id IS 'The message; no foreign key, a referenced partition could not be dropped';
COMMENT ON COLUMN sespan.mail_queue.created_at IS 'created_at of the message: the partition where its content is';
COMMENT ON COLUMN sespan.mail_queue.due_at IS 'Not before; of a scheduled row or the next try';
COMMENT ON COLUMN sespan.mail_queue.leased_until IS 'Until when the worker that claimed the row may send it';
COMMENT ON COLUMN sespan.mail_queue.lease_token IS 'Fence: a result is only written by whoever holds this token';
COMMENT ON COLUMN sespan.mail_queue.expires_at IS 'Not after';
COMMENT ON COLUMN sespan.mail_queue.tried_at IS 'When the last try ended';
COMMENT ON COLUMN sespan.mail_queue.announced_at IS 'When a message broker was told that the row is ready; earlier than due_at or NULL: not since it is. In no index, so that the mark costs little';
COMMENT ON COLUMN sespan.mail_queue.size_bytes IS 'size_bytes of the message';
COMMENT ON COLUMN sespan.mail_queue.priority IS '0 (first) to 9 (last)';
COMMENT ON COLUMN sespan.mail_queue.attempts IS 'Tries that ended with an answer or an error';
COMMENT ON COLUMN sespan.mail_queue.lapses IS 'Times that a worker vanished while it held the row';
COMMENT ON COLUMN sespan.mail_queue.last_code IS 'SMTP code of the last failed try';
COMMENT ON COLUMN sespan.mail_queue.started IS 'Sending may have begun; written beforehand where a lapse must not mean a second mail';
COMMENT ON COLUMN sespan.mail_queue.state IS 'queued scheduled sending retry unknown; sent dead expired suppressed cancelled move to mail_outcome';
COMMENT ON COLUMN sespan.mail_queue.on_unknown IS 'on_unknown of the message';
COMMENT ON COLUMN sespan.mail_queue.recipient IS 'Bare address of the envelope';
COMMENT ON COLUMN sespan.mail_queue.last_reason IS 'Why the last try failed, from the sender''s closed list';
COMMENT ON COLUMN sespan.mail_queue.last_reply IS 'The server''s words, shortened';
COMMENT ON COLUMN sespan.mail_queue.parked IS 'The pause that holds the row (due_at is infinity then); NULL for none';

CREATE TABLE sespan.mail_outcome (
    queue_id    bigint NOT NULL,
    message_id  bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    state       text NOT NULL CHECK (state IN ('sent', 'dead', 'expired', 'suppressed', 'cancelled')),
    attempts    smallint NOT NULL,
    code        smallint,
    recipient   text NOT NULL,
    reason      text,
    reply       text,
    relay       text,
    PRIMARY KEY (queue_id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE sespan.mail_outcome_default PARTITION OF sespan.mail_outcome DEFAULT;
CREATE INDEX mail_outcome_dead_idx ON sespan.mail_outcome (finished_at) WHERE state = 'dead';
-- For lists of what was not sent: costs nothing for a mail that was.
CREATE INDEX mail_outcome_unsent_idx ON sespan.mail_outcome (state, queue_id) WHERE state <> 'sent';
-- Some hundred bytes for a day: rows come in the order of finished_at.
CREATE INDEX mail_outcome_finished_at_idx ON sespan.mail_outcome USING brin (finished_at) WITH (pages_per_range = 16, autosummarize = on);
SELECT sespan.partition_ensure('sespan.mail_outcome', 7);
COMMENT ON TABLE sespan.mail_outcome IS 'Final state per envelope recipient; lives and goes with the day of its message';
COMMENT ON COLUMN sespan.mail_outcome.queue_id IS 'queue_id of the hot row that it replaces';
COMMENT ON COLUMN sespan.mail_outcome.message_id IS 'The message';
COMMENT ON COLUMN sespan.mail_outcome.created_at IS 'created_at of the message; the partition key';
COMMENT ON COLUMN sespan.mail_outcome.finished_at IS 'When the final state was reached';
COMMENT ON COLUMN sespan.mail_outcome.state IS 'sent dead expired suppressed cancelled';
COMMENT ON COLUMN sespan.mail_outcome.attempts IS 'Tries that it took';
COMMENT ON COLUMN sespan.mail_outcome.code IS 'Last SMTP code';
COMMENT ON COLUMN sespan.mail_outcome.recipient IS 'Bare address of the envelope';
COMMENT ON COLUMN sespan.mail_outcome.reason IS 'Why it is not sent, from a closed list; NULL for sent';
COMMENT ON COLUMN sespan.mail_outcome.reply IS 'The server''s last words, for sent usually with its queue id';
COMMENT ON COLUMN sespan.mail_outcome.relay IS 'host:port of the server that took the mail';

CREATE TABLE sespan.mail_setting (
    name  text PRIMARY KEY,
    value text NOT NULL,
    CHECK (CASE name WHEN 'mail_doorbell' THEN value IN ('on', 'off')
                     WHEN 'mail_dead_body_hours' THEN value ~ '^[0-9]{1,4}$'
                     WHEN 'mail_idempotency_hours' THEN value ~ '^[1-9][0-9]{0,3}$'
                     WHEN 'mail_retention_days' THEN value ~ '^[1-9][0-9]{0,3}$' ELSE false END)
);
INSERT INTO sespan.mail_setting (name, value) VALUES
    ('mail_doorbell', 'on'), ('mail_dead_body_hours', '24'), ('mail_idempotency_hours', '168'), ('mail_retention_days', '30');
COMMENT ON TABLE sespan.mail_setting IS 'Settings of the mail queue that a person changes with UPDATE';
COMMENT ON COLUMN sespan.mail_setting.name IS
    'mail_doorbell, mail_dead_body_hours, mail_idempotency_hours, mail_retention_days';
COMMENT ON COLUMN sespan.mail_setting.value IS
    'on or off (off where NOTIFY is refused, as with two-phase commit); hours that a dead mail''s body is kept for a retry; hours that a key counts; days that mails and their outcomes are kept';

CREATE VIEW sespan.mail_recipient AS
SELECT q.queue_id, q.message_id, q.created_at, q.recipient, q.state, q.attempts, q.due_at, NULL::timestamptz AS finished_at,
       q.last_reason AS reason, q.last_code AS code, q.last_reply AS reply, NULL::text AS relay
FROM sespan.mail_queue q
UNION ALL
SELECT o.queue_id, o.message_id, o.created_at, o.recipient, o.state, o.attempts, NULL, o.finished_at, o.reason, o.code, o.reply, o.relay
FROM sespan.mail_outcome o;
COMMENT ON VIEW sespan.mail_recipient IS 'Every envelope recipient with its state, live or final';

CREATE VIEW sespan.mail_dead AS
SELECT o.queue_id, o.message_id, o.created_at, o.finished_at, o.recipient, m.category, m.subject, o.attempts, o.reason, o.code, o.reply,
       m.message_id IS NOT NULL AND m.wiped_at IS NULL AS body_kept
FROM sespan.mail_outcome o
LEFT JOIN sespan.mail_message m ON m.message_id = o.message_id AND m.created_at = o.created_at
WHERE o.state = 'dead';
COMMENT ON VIEW sespan.mail_dead IS 'Mails that can not be delivered, with the reason and whether the body is still there for a retry';

CREATE VIEW sespan.mail_throughput AS
SELECT date_trunc('minute', o.finished_at) AS minute, count(*) FILTER (WHERE o.state = 'sent') AS sent,
       count(*) FILTER (WHERE o.state IN ('dead', 'expired')) AS failed, count(*) FILTER (WHERE o.state IN ('suppressed', 'cancelled')) AS withheld
FROM sespan.mail_outcome o
WHERE o.finished_at > now() - interval '1 hour'
GROUP BY 1
ORDER BY 1 DESC;
COMMENT ON VIEW sespan.mail_throughput IS 'Recipients by minute of the last hour: sent, failed (dead, expired), withheld (suppressed, cancelled)';

CREATE FUNCTION sespan.mail_dead_count() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
    SELECT count(*) FROM sespan.mail_outcome o WHERE o.state = 'dead'
$$;
COMMENT ON FUNCTION sespan.mail_dead_count() IS 'Dead mails that wait for a person (mail_retry or mail_cancel); reads their partial index';

-- Never read: the row type of mail_status.
CREATE VIEW sespan.mail_state AS
SELECT NULL::text AS state, NULL::bigint AS mails, NULL::bigint AS paused, NULL::timestamptz AS oldest, NULL::timestamptz AS next_due
WHERE false;
COMMENT ON VIEW sespan.mail_state IS 'Row type of mail_status';

CREATE FUNCTION sespan.mail_status() RETURNS SETOF sespan.mail_state LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    (SELECT s.state, count(q.queue_id), count(q.parked), min(q.created_at),
            min(q.due_at) FILTER (WHERE q.state IN ('queued', 'scheduled', 'retry') AND q.due_at < 'infinity')
     FROM unnest(ARRAY['queued', 'scheduled', 'sending', 'retry', 'unknown']) WITH ORDINALITY s(state, n)
     LEFT JOIN sespan.mail_queue q ON q.state = s.state
     GROUP BY s.state, s.n
     ORDER BY s.n)
    UNION ALL
    SELECT 'dead', count(*), 0, min(o.finished_at), NULL FROM sespan.mail_outcome o WHERE o.state = 'dead'
$$;
COMMENT ON FUNCTION sespan.mail_status() IS 'Mails by state: the live ones, read from the hot table, and the dead ones that wait for a person';

CREATE FUNCTION sespan.mail_delivery(message_id bigint, created_at timestamptz) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN m.pending > 0 THEN 'queued' WHEN m.sent = m.recipients THEN 'sent' ELSE 'failed' END
    FROM sespan.mail_message m WHERE m.message_id = mail_delivery.message_id AND m.created_at = mail_delivery.created_at
$$;
COMMENT ON FUNCTION sespan.mail_delivery(bigint, timestamptz) IS 'queued, sent or failed; NULL for a message that is not there (any more)';

CREATE FUNCTION sespan.mail_first_queue_id(message_id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN message_id BETWEEN 0 AND 9007199254740990 THEN message_id * 1024 ELSE -1024 END $$;
COMMENT ON FUNCTION sespan.mail_first_queue_id(bigint) IS 'queue_id of a message''s first recipient, of the up to 1024 that follow each other; what can not be an id has a slot without rows';

---- create above / drop below ----

DROP FUNCTION sespan.mail_first_queue_id(bigint), sespan.mail_delivery(bigint, timestamptz), sespan.mail_status(), sespan.mail_dead_count();
DROP VIEW sespan.mail_state, sespan.mail_throughput, sespan.mail_dead, sespan.mail_recipient;
DROP TABLE sespan.mail_setting, sespan.mail_outcome, sespan.mail_queue, sespan.mail_message;
DROP SEQUENCE sespan.mail_message_id_seq;
