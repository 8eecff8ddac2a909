-- The doorbell: an insert into the queue notifies the workers that sleep, and
-- costs next to nothing while a worker suppresses notifications.

-- The sequence is a flag outside MVCC: "a worker polls by itself until this
-- moment", in milliseconds since 1970. While it lies in the future an insert does
-- not notify.
CREATE SEQUENCE sespan.mail_doorbell MINVALUE 0 START 0;
COMMENT ON SEQUENCE sespan.mail_doorbell IS 'Milliseconds since 1970 until which a worker polls by itself; inserts before that do not notify';

CREATE FUNCTION sespan.mail_doorbell_ring() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF (SELECT last_value FROM sespan.mail_doorbell) < (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint THEN
        PERFORM pg_catalog.pg_notify('sespan_mail', '');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.mail_doorbell_ring() IS 'Notifies (NOTIFY sespan_mail, empty) unless a worker suppresses it';
-- The condition is evaluated after the rows are in and the lock on mail_queue is
-- held, as the look at the flag in mail_doorbell_ring is, and without a call of PL/pgSQL:
-- while notifications are suppressed, an insert pays for nothing but the condition.
CREATE TRIGGER mail_doorbell_ring AFTER INSERT ON sespan.mail_queue FOR EACH STATEMENT
    WHEN (coalesce(pg_catalog.pg_sequence_last_value('sespan.mail_doorbell'), 0) < (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint)
    EXECUTE FUNCTION sespan.mail_doorbell_ring();
COMMENT ON TRIGGER mail_doorbell_ring ON sespan.mail_queue IS 'Wakes a sleeping worker. Switched off: mails go with the next poll, within seconds (setting mail_doorbell)';

CREATE FUNCTION sespan.mail_suppress_notify(seconds int) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT pg_catalog.setval('sespan.mail_doorbell', greatest(d.last_value,
               ((extract(epoch FROM pg_catalog.clock_timestamp()) + seconds) * 1000)::bigint))
    FROM sespan.mail_doorbell d
$$;
COMMENT ON FUNCTION sespan.mail_suppress_notify(int) IS 'For the next seconds inserts do not notify, because a worker polls by itself';

-- An insert that found notifications suppressed still holds ROW EXCLUSIVE on mail_queue, or
-- has ended and is seen by the next snapshot: whoever sees none and polls then
-- has missed nothing.
CREATE FUNCTION sespan.mail_open_inserters() RETURNS int LANGUAGE sql VOLATILE
AS $$
    SELECT count(*)::int FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'sespan.mail_queue'::regclass AND l.mode = 'RowExclusiveLock'
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
$$;
COMMENT ON FUNCTION sespan.mail_open_inserters() IS 'Number of transactions that may have inserted mails and are not over';

CREATE FUNCTION sespan.mail_allow_notify() RETURNS int LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF EXISTS (SELECT FROM sespan.mail_setting WHERE name = 'mail_doorbell' AND value = 'off') THEN
        PERFORM pg_catalog.setval('sespan.mail_doorbell', 9223372036854775807);
        RETURN -1;
    END IF;
    PERFORM pg_catalog.setval('sespan.mail_doorbell', 0);
    RETURN sespan.mail_open_inserters();
END
$$;
COMMENT ON FUNCTION sespan.mail_allow_notify() IS 'A worker wants to sleep: from now on inserts notify. Returns mail_open_inserters(), or -1 when the setting mail_doorbell is off';

CREATE FUNCTION sespan.mail_notify() RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT pg_catalog.pg_notify('sespan_mail', '')
    WHERE NOT EXISTS (SELECT FROM sespan.mail_setting WHERE name = 'mail_doorbell' AND value = 'off')
$$;
COMMENT ON FUNCTION sespan.mail_notify() IS 'Notifies all workers, unless the setting mail_doorbell is off';

---- create above / drop below ----

DROP FUNCTION sespan.mail_notify(), sespan.mail_allow_notify(), sespan.mail_open_inserters(), sespan.mail_suppress_notify(int);
DROP TRIGGER mail_doorbell_ring ON sespan.mail_queue;
DROP FUNCTION sespan.mail_doorbell_ring();
DROP SEQUENCE sespan.mail_doorbell;
