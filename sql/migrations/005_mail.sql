-- The mail queue: content in day partitions, one narrow hot row per envelope
-- recipient, the outcome of each recipient beside the content, and the doorbell.

CREATE SEQUENCE sespan.mail_message_id_seq;

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

CREATE TABLE sespan.mail_queue (
    queue_id     bigint PRIMARY KEY,
    message_id   bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    lease_token  bigint,
    expires_at   timestamptz,
    tried_at     timestamptz,
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
    CHECK ((state = 'sending') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 2000,
        autovacuum_analyze_scale_factor = 0.1, autovacuum_analyze_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX mail_queue_fresh_idx ON sespan.mail_queue (priority, queue_id) WHERE state = 'queued';
CREATE INDEX mail_queue_due_idx ON sespan.mail_queue (due_at) WHERE state IN ('scheduled', 'retry');

COMMENT ON TABLE sespan.mail_queue IS 'Hot rows: one per envelope recipient that is not in a final state; deleted when its outcome is written';
COMMENT ON COLUMN sespan.mail_queue.queue_id IS 'message_id * 1024 + position of the recipient, so a message''s rows are found without another index';
COMMENT ON COLUMN sespan.mail_queue.message_id IS 'The message; no foreign key, a referenced partition could not be dropped';
COMMENT ON COLUMN sespan.mail_queue.created_at IS 'created_at of the message: the partition where its content is';
COMMENT ON COLUMN sespan.mail_queue.due_at IS 'Not before; of a scheduled row or the next try';
COMMENT ON COLUMN sespan.mail_queue.leased_until IS 'Until when the worker that claimed the row may send it';
COMMENT ON COLUMN sespan.mail_queue.lease_token IS 'Fence: a result is only written by whoever holds this token';
COMMENT ON COLUMN sespan.mail_queue.expires_at IS 'Not after';
COMMENT ON COLUMN sespan.mail_queue.tried_at IS 'When the last try ended';
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

CREATE TABLE sespan.mail_idempotency (
    idempotency_key text PRIMARY KEY,
    message_id      bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    fingerprint     bytea NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX mail_idempotency_expires_at_idx ON sespan.mail_idempotency (expires_at);
COMMENT ON TABLE sespan.mail_idempotency IS 'Keys under which a mail was enqueued; unpartitioned, so that a key is unique for its whole life';
COMMENT ON COLUMN sespan.mail_idempotency.idempotency_key IS 'The caller''s key, 1 to 200 characters';
COMMENT ON COLUMN sespan.mail_idempotency.message_id IS 'The message it stands for';
COMMENT ON COLUMN sespan.mail_idempotency.created_at IS 'created_at of the message';
COMMENT ON COLUMN sespan.mail_idempotency.fingerprint IS 'SHA-256 of recipients and content: the same key with another mail is refused';
COMMENT ON COLUMN sespan.mail_idempotency.expires_at IS 'When the key may be used anew';

CREATE TABLE sespan.mail_setting (
    name  text PRIMARY KEY,
    value text NOT NULL,
    CHECK (CASE name WHEN 'mail_doorbell' THEN value IN ('on', 'off')
                     WHEN 'mail_dead_body_hours' THEN value ~ '^[0-9]{1,4}$'
                     WHEN 'mail_idempotency_hours' THEN value ~ '^[1-9][0-9]{0,3}$' ELSE false END)
);
INSERT INTO sespan.mail_setting (name, value) VALUES ('mail_doorbell', 'on'), ('mail_dead_body_hours', '24'), ('mail_idempotency_hours', '168');
COMMENT ON TABLE sespan.mail_setting IS 'Settings of the mail queue that a person changes with UPDATE';
COMMENT ON COLUMN sespan.mail_setting.name IS 'mail_doorbell, mail_dead_body_hours, mail_idempotency_hours';
COMMENT ON COLUMN sespan.mail_setting.value IS 'on or off (off where NOTIFY is refused, as with two-phase commit); hours that a dead mail''s body is kept for a retry; hours that a key counts';

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

-- The doorbell. The sequence is a flag outside MVCC: "a worker polls by itself
-- until this moment" in milliseconds since 1970. While it lies in the future an
-- insert stays silent.
CREATE SEQUENCE sespan.mail_doorbell MINVALUE 0 START 0;
COMMENT ON SEQUENCE sespan.mail_doorbell IS 'Milliseconds since 1970 until which a worker is awake; inserts before that do not ring';

CREATE FUNCTION sespan.mail_ring() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF (SELECT last_value FROM sespan.mail_doorbell) < (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint THEN
        PERFORM pg_catalog.pg_notify('sespan_mail', '');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.mail_ring() IS 'Rings the bell (NOTIFY sespan_mail, empty) unless a worker is awake';
CREATE TRIGGER mail_ring AFTER INSERT ON sespan.mail_queue FOR EACH STATEMENT EXECUTE FUNCTION sespan.mail_ring();

CREATE FUNCTION sespan.mail_awake(seconds int) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT pg_catalog.setval('sespan.mail_doorbell', greatest(d.last_value,
               ((extract(epoch FROM pg_catalog.clock_timestamp()) + seconds) * 1000)::bigint))
    FROM sespan.mail_doorbell d
$$;
COMMENT ON FUNCTION sespan.mail_awake(int) IS 'A worker says that it polls by itself for the next seconds';

-- An insert that found a worker awake still holds ROW EXCLUSIVE on mail_queue, or
-- has ended and is seen by the next snapshot: whoever sees none and polls then
-- has missed nothing.
CREATE FUNCTION sespan.mail_others() RETURNS int LANGUAGE sql VOLATILE
AS $$
    SELECT count(*)::int FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'sespan.mail_queue'::regclass AND l.mode = 'RowExclusiveLock'
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
$$;
COMMENT ON FUNCTION sespan.mail_others() IS 'Number of transactions that may have inserted mails and are not over';

CREATE FUNCTION sespan.mail_doze() RETURNS int LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF EXISTS (SELECT FROM sespan.mail_setting WHERE name = 'mail_doorbell' AND value = 'off') THEN
        PERFORM pg_catalog.setval('sespan.mail_doorbell', 9223372036854775807);
        RETURN -1;
    END IF;
    PERFORM pg_catalog.setval('sespan.mail_doorbell', 0);
    RETURN sespan.mail_others();
END
$$;
COMMENT ON FUNCTION sespan.mail_doze() IS 'A worker wants to sleep: from now on inserts ring. Returns mail_others(), or -1 when the bell is switched off';

CREATE FUNCTION sespan.mail_bell() RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT pg_catalog.pg_notify('sespan_mail', '')
    WHERE NOT EXISTS (SELECT FROM sespan.mail_setting WHERE name = 'mail_doorbell' AND value = 'off')
$$;
COMMENT ON FUNCTION sespan.mail_bell() IS 'Rings for all workers, unless the bell is switched off';

CREATE FUNCTION sespan.mail_delivery(message_id bigint, created_at timestamptz) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN m.pending > 0 THEN 'queued' WHEN m.sent = m.recipients THEN 'sent' ELSE 'failed' END
    FROM sespan.mail_message m WHERE m.message_id = mail_delivery.message_id AND m.created_at = mail_delivery.created_at
$$;
COMMENT ON FUNCTION sespan.mail_delivery(bigint, timestamptz) IS 'queued, sent or failed; NULL for a message that is not there (any more)';

-- Checks speak of the parameter that is wrong, in the caller's own transaction
-- (SQLSTATE SP003); mail_enqueue itself stands in 009_mail_enqueue.sql.
CREATE FUNCTION sespan.mail_refuse(parameter text, reason text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '%: %', parameter, reason
        USING ERRCODE = 'SP003', HINT = pg_catalog.format('Correct the parameter %s of mail_enqueue.', parameter);
END
$$;
COMMENT ON FUNCTION sespan.mail_refuse(text, text) IS 'Raises SP003 for one parameter';

-- Dot-atoms of RFC 5322 and RFC 6531 (no quoted local part, no address literal).
-- Counted repetition is left out of the pattern: it made it ten times as slow.
CREATE FUNCTION sespan.mail_address(value text, parameter text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    at int := pg_catalog.strpos(value, '@');
BEGIN
    IF value !~ '^[^][:cntrl:][:space:]"(),.:;<>@\\[]+(\.[^][:cntrl:][:space:]"(),.:;<>@\\[]+)*@[a-zA-Z0-9\u00A1-\uFFFF]+((-+|\.)[a-zA-Z0-9\u00A1-\uFFFF]+)*$'
       OR at > 65 OR pg_catalog.octet_length(value) > 254
       OR (pg_catalog.length(value) - at > 63 AND pg_catalog.substr(value, at + 1) ~ '[^.]{64}') THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not an e-mail address', pg_catalog.left(value, 100)));
    END IF;
    RETURN pg_catalog.left(value, at) || pg_catalog.lower(pg_catalog.substr(value, at + 1));
END
$$;
COMMENT ON FUNCTION sespan.mail_address(text, text) IS 'A bare address with its domain in lower case, or SP003';

CREATE FUNCTION sespan.mail_check_rest(priority int, send_at timestamptz, expires_at timestamptz, category text, on_unknown text,
                                       retain_body boolean, size bigint) RETURNS int LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 9 THEN
        PERFORM sespan.mail_refuse('priority', 'must be 0 (first) to 9 (last)');
    ELSIF send_at > pg_catalog.now() + interval '366 days' THEN
        PERFORM sespan.mail_refuse('send_at', 'is more than a year away');
    ELSIF expires_at <= greatest(pg_catalog.now(), send_at) THEN
        PERFORM sespan.mail_refuse('expires_at', 'must be later than now and than send_at');
    ELSIF category !~ '^[A-Za-z0-9._:-]{1,64}$' THEN
        PERFORM sespan.mail_refuse('category', 'must be 1 to 64 of A-Z a-z 0-9 . _ : -');
    ELSIF on_unknown IS NULL OR on_unknown NOT IN ('retry', 'hold') THEN
        PERFORM sespan.mail_refuse('on_unknown', 'must be retry or hold');
    ELSIF retain_body IS NULL THEN
        PERFORM sespan.mail_refuse('retain_body', 'must be true or false');
    ELSIF size > 26214400 THEN
        PERFORM sespan.mail_refuse('body_text', 'the parts together are larger than 25 MiB (attachments count in base64)');
    END IF;
    RETURN size;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_rest(int, timestamptz, timestamptz, text, text, boolean, bigint) IS 'SP003 for the plain parameters; returns the size';

CREATE FUNCTION sespan.mail_put(id bigint, envelope text[], size int, priority int, send_at timestamptz, expires_at timestamptz, on_unknown text)
RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    at timestamptz := pg_catalog.now();
    first_state text := CASE WHEN send_at > at THEN 'scheduled' ELSE 'queued' END;
BEGIN
    IF pg_catalog.cardinality(envelope) = 1 THEN -- nearly always, and a plain VALUES is cheaper
        INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient)
        VALUES (id * 1024, id, at, coalesce(send_at, at), expires_at, size, priority, first_state, on_unknown, envelope[1]);
        RETURN;
    END IF;
    INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, state, on_unknown, recipient)
    SELECT id * 1024 + u.n - 1, id, at, coalesce(send_at, at), expires_at, size, priority, first_state, on_unknown, u.address
    FROM pg_catalog.unnest(envelope) WITH ORDINALITY u(address, n);
END
$$;
COMMENT ON FUNCTION sespan.mail_put(bigint, text[], int, int, timestamptz, timestamptz, text) IS 'The hot rows of a message';

CREATE FUNCTION sespan.mail_enqueue_sealed(recipient text, subject text, sealed bytea, category text, priority int, expires_at timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint := nextval('sespan.mail_message_id_seq');
    address text := sespan.mail_address(recipient, 'recipient');
    size int := sespan.mail_check_rest(priority, NULL, expires_at, category, 'retry', false, octet_length(sealed) + octet_length(subject));
BEGIN
    IF sealed IS NULL OR subject IS NULL OR subject ~ '[[:cntrl:]]' OR length(subject) > 998 THEN
        PERFORM sespan.mail_refuse('subject', 'and sealed must be given; a subject is one line of at most 998 characters');
    END IF;
    INSERT INTO sespan.mail_message (message_id, created_at, category, to_addresses, subject, sealed, expires_at, size_bytes, priority, recipients, pending)
    VALUES (id, now(), category, ARRAY[address], subject, sealed, expires_at, size, priority, 1, 1);
    -- As mail_put does for many.
    INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, expires_at, size_bytes, priority, recipient)
    VALUES (id * 1024, id, now(), now(), expires_at, size, priority, address);
    RETURN id;
END
$$;
COMMENT ON FUNCTION sespan.mail_enqueue_sealed(text, text, bytea, text, int, timestamptz) IS
    'Like mail_enqueue for a body that only the service can open; always tried again after a lost answer';

---- create above / drop below ----

DROP VIEW sespan.mail_dead, sespan.mail_recipient;
DROP TABLE sespan.mail_queue, sespan.mail_outcome, sespan.mail_message, sespan.mail_idempotency, sespan.mail_setting;
DROP SEQUENCE sespan.mail_message_id_seq, sespan.mail_doorbell;
DROP FUNCTION sespan.mail_ring(), sespan.mail_awake(int), sespan.mail_others(), sespan.mail_doze(), sespan.mail_bell(), sespan.mail_delivery(bigint, timestamptz),
    sespan.mail_refuse(text, text), sespan.mail_address(text, text), sespan.mail_put(bigint, text[], int, int, timestamptz, timestamptz, text),
    sespan.mail_check_rest(int, timestamptz, timestamptz, text, text, boolean, bigint),
    sespan.mail_enqueue_sealed(text, text, bytea, text, int, timestamptz);
