-- What the mail workers tell of themselves.

CREATE TABLE sespan.mail_worker (
    worker_id   bigint PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    connections int NOT NULL,
    listening       boolean NOT NULL,
    host        text NOT NULL,
    kind        text NOT NULL DEFAULT 'sender' CHECK (kind IN ('sender', 'announcer')),
    dispatch    text NOT NULL DEFAULT 'postgres' CHECK (dispatch IN ('postgres', 'amqp', 'kafka')),
    confirmed_at  timestamptz,
    waiting_since timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE sespan.mail_worker IS 'Mail workers, and announcers to a message broker: each renews its row every few seconds and deletes it when it ends';
COMMENT ON COLUMN sespan.mail_worker.worker_id IS 'Random, anew with each start';
COMMENT ON COLUMN sespan.mail_worker.started_at IS 'Since when it works';
COMMENT ON COLUMN sespan.mail_worker.seen_at IS 'Last sign of life; a row that is a minute old belongs to a worker that vanished';
COMMENT ON COLUMN sespan.mail_worker.connections IS 'Mails that it sends at once';
COMMENT ON COLUMN sespan.mail_worker.listening IS 'Notifications reach it; else it polls';
COMMENT ON COLUMN sespan.mail_worker.host IS 'Host name and process id';
COMMENT ON COLUMN sespan.mail_worker.kind IS 'sender or announcer: only senders send mails';
COMMENT ON COLUMN sespan.mail_worker.dispatch IS 'What says which mail is next: postgres, amqp (RabbitMQ) or kafka';
COMMENT ON COLUMN sespan.mail_worker.confirmed_at IS 'Of an announcer: when the broker last confirmed an announcement; NULL for not yet';
COMMENT ON COLUMN sespan.mail_worker.waiting_since IS 'Of an announcer: since when it has had something to announce, without a confirmation; NULL while it has nothing or is confirmed';

CREATE FUNCTION sespan.mail_workers() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*)::int FROM sespan.mail_worker m WHERE m.kind = 'sender' AND m.seen_at > clock_timestamp() - interval '1 minute'
$$;
COMMENT ON FUNCTION sespan.mail_workers() IS 'Mail workers that gave a sign of life within a minute; 0 means that nobody sends';

---- create above / drop below ----

DROP FUNCTION sespan.mail_workers();
DROP TABLE sespan.mail_worker;
