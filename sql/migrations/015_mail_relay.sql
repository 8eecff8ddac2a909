-- What the mail workers tell of themselves, and a doorbell that costs a site's
-- inserts less.

CREATE TABLE sespan.mail_worker (
    worker_id   bigint PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    connections int NOT NULL,
    hears       boolean NOT NULL,
    host        text NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE sespan.mail_worker IS 'Mail workers: each renews its row every few seconds and deletes it when it ends';
COMMENT ON COLUMN sespan.mail_worker.worker_id IS 'Random, anew with each start';
COMMENT ON COLUMN sespan.mail_worker.started_at IS 'Since when it works';
COMMENT ON COLUMN sespan.mail_worker.seen_at IS 'Last sign of life; a row that is a minute old belongs to a worker that vanished';
COMMENT ON COLUMN sespan.mail_worker.connections IS 'Mails that it sends at once';
COMMENT ON COLUMN sespan.mail_worker.hears IS 'Notifications reach it; else it polls';
COMMENT ON COLUMN sespan.mail_worker.host IS 'Host name and process id';
CREATE TRIGGER mail_attachments_apart AFTER INSERT ON sespan.mail_worker FOR EACH STATEMENT EXECUTE FUNCTION sespan.mail_attachments_apart();

-- Workers of earlier versions leave no row here, but name their sessions.
CREATE OR REPLACE FUNCTION sespan.mail_workers() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN w.alive > 0 THEN w.alive
                ELSE (SELECT count(*)::int FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name LIKE 'sespan mail%') END
    FROM (SELECT count(*)::int AS alive FROM sespan.mail_worker m WHERE m.seen_at > clock_timestamp() - interval '1 minute') w
$$;
COMMENT ON FUNCTION sespan.mail_workers() IS 'Mail workers that gave a sign of life within a minute; 0 means that nobody sends';

-- The condition is evaluated after the rows are in and the lock on mail_queue is
-- held, as the look at the flag in mail_ring is, and without a call of PL/pgSQL:
-- while a worker is awake, an insert pays for nothing but the condition.
CREATE OR REPLACE TRIGGER mail_ring AFTER INSERT ON sespan.mail_queue FOR EACH STATEMENT
    WHEN (coalesce(pg_catalog.pg_sequence_last_value('sespan.mail_doorbell'), 0) < (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint)
    EXECUTE FUNCTION sespan.mail_ring();

---- create above / drop below ----

CREATE OR REPLACE TRIGGER mail_ring AFTER INSERT ON sespan.mail_queue FOR EACH STATEMENT EXECUTE FUNCTION sespan.mail_ring();
CREATE OR REPLACE FUNCTION sespan.mail_workers() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*)::int FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name LIKE 'sespan mail%'
$$;
COMMENT ON FUNCTION sespan.mail_workers() IS 'Database sessions of mail workers; 0 means that nobody sends';
DROP TABLE sespan.mail_worker;
