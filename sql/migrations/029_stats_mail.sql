-- Mails: counted from their outcomes, at finished_at, and tries that failed for now.

CREATE TABLE sespan.stats_mail (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bucket timestamptz NOT NULL,
    outcome text NOT NULL,
    mails int,
    gone_mails int
) PARTITION BY RANGE (appended_at);
CREATE TABLE sespan.stats_mail_default PARTITION OF sespan.stats_mail DEFAULT;
ALTER TABLE sespan.stats_mail REPLICA IDENTITY FULL;
ALTER TABLE sespan.stats_mail_default REPLICA IDENTITY FULL;
CREATE INDEX stats_mail_xid_idx ON sespan.stats_mail (xid);

CREATE TABLE sespan.stats_mail_quarter (
    bucket timestamptz NOT NULL,
    outcome text NOT NULL,
    mails bigint NOT NULL,
    gone_mails bigint NOT NULL,
    CONSTRAINT stats_mail_quarter_key PRIMARY KEY (bucket, outcome)
) WITH (fillfactor = 80);

CREATE TABLE sespan.stats_mail_hour (LIKE sespan.stats_mail_quarter INCLUDING ALL) WITH (fillfactor = 80);
COMMENT ON TABLE sespan.stats_mail_hour IS 'Outcomes of mails by hour (UTC), up to the horizon: for the hours of zones whose offset is whole hours';
COMMENT ON COLUMN sespan.stats_mail_hour.bucket IS 'Start of the hour (UTC) of the event';

CREATE TABLE sespan.stats_mail_day (
    time_zone text NOT NULL,
    day date NOT NULL,
    outcome text NOT NULL,
    mails bigint NOT NULL,
    gone_mails bigint NOT NULL,
    CONSTRAINT stats_mail_day_key PRIMARY KEY (time_zone, day, outcome)
) WITH (fillfactor = 80);

COMMENT ON TABLE sespan.stats_mail IS 'Outcomes of mails, appended in the commit of what they count; a partition per hour of appending, dropped some hours after they were folded';
COMMENT ON COLUMN sespan.stats_mail.xid IS 'The transaction that appended it';
COMMENT ON COLUMN sespan.stats_mail.appended_at IS 'When; the partition key';

COMMENT ON TABLE sespan.stats_mail_quarter IS 'Outcomes of mails by quarter of an hour, up to the horizon; read stats_mail_total';
COMMENT ON COLUMN sespan.stats_mail_quarter.bucket IS 'Start of the quarter of an hour (UTC) of the event';
COMMENT ON COLUMN sespan.stats_mail_quarter.outcome IS 'sent, dead, expired, suppressed or cancelled at finished_at; retried: tries that failed and are to be repeated';
COMMENT ON COLUMN sespan.stats_mail_quarter.mails IS 'Mails; tries for retried';
COMMENT ON COLUMN sespan.stats_mail_quarter.gone_mails IS 'Of mails: those whose outcome was dropped with its message before its time, having been late';

COMMENT ON TABLE sespan.stats_mail_day IS 'Outcomes of mails by day of a zone, up to the horizon; read stats_mail_day_total';
COMMENT ON COLUMN sespan.stats_mail_day.time_zone IS 'The zone of the day';
COMMENT ON COLUMN sespan.stats_mail_day.day IS 'Day of the event in that zone';

CREATE VIEW sespan.stats_mail_appended AS
SELECT xid, bucket, outcome, coalesce(mails, 0)::bigint AS mails, coalesce(gone_mails, 0)::bigint AS gone_mails
FROM sespan.stats_mail;
COMMENT ON VIEW sespan.stats_mail_appended IS 'Appended counts in the columns of their sums';

CREATE VIEW sespan.stats_mail_total AS
SELECT bucket, outcome, mails
FROM sespan.stats_mail_quarter
UNION ALL
SELECT bucket, outcome, mails
FROM sespan.stats_mail_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_mail_total IS 'Outcomes of mails (one for each envelope recipient) by quarter of an hour (UTC), exact at any moment; several rows of a bucket are to be summed';

CREATE VIEW sespan.stats_mail_day_total AS
SELECT day, outcome, mails
FROM sespan.stats_mail_day
WHERE time_zone = (SELECT h.time_zone FROM sespan.stats_horizon h)
UNION ALL
SELECT (bucket AT TIME ZONE (SELECT h.time_zone FROM sespan.stats_horizon h))::date, outcome, mails
FROM sespan.stats_mail_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_mail_day_total IS 'Outcomes of mails (one for each envelope recipient) by day, in the zone of stats_horizon, exact at any moment; several rows of a day are to be summed';

CREATE FUNCTION sespan.stats_mail_inserted() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_mail (bucket, outcome, mails)
    SELECT date_bin('15 minutes', n.finished_at, '2000-01-01 00:00+00'), n.state, count(*) FROM inserted n GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_mail_inserted() IS 'Counts outcomes as they are inserted; those that retention moves stay uncounted';
CREATE TRIGGER stats_mail_inserted AFTER INSERT ON sespan.mail_outcome REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_mail_inserted();
COMMENT ON TRIGGER stats_mail_inserted ON sespan.mail_outcome IS 'Counts final states of mails. Switched off: they are missing for ever';

CREATE FUNCTION sespan.stats_mail_updated() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_mail (bucket, outcome, mails)
    SELECT date_bin('15 minutes', x.finished_at, '2000-01-01 00:00+00'), x.state, sum(x.mails)
    FROM (SELECT finished_at, state, 1 AS mails FROM after_update UNION ALL SELECT finished_at, state, -1 FROM before_update) x
    GROUP BY 1, 2 HAVING sum(x.mails) <> 0;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_mail_updated() IS 'Counts an outcome that a person changes where it is now, and no more where it was';
CREATE TRIGGER stats_mail_updated AFTER UPDATE ON sespan.mail_outcome REFERENCING OLD TABLE AS before_update NEW TABLE AS after_update
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_mail_updated();
COMMENT ON TRIGGER stats_mail_updated ON sespan.mail_outcome IS 'Counts a final state that a person changes';

CREATE FUNCTION sespan.stats_mail_deleted() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_mail (bucket, outcome, mails)
    SELECT date_bin('15 minutes', o.finished_at, '2000-01-01 00:00+00'), o.state, -count(*) FROM deleted o GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_mail_deleted() IS 'Takes back the outcome of a mail that a person sends into the queue again; retention deletes below the table and counts nothing';
CREATE TRIGGER stats_mail_deleted AFTER DELETE ON sespan.mail_outcome REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_mail_deleted();
COMMENT ON TRIGGER stats_mail_deleted ON sespan.mail_outcome IS 'Takes the count of a dead mail back that goes into the queue again';

-- Called by mail_retire, which has locked the day. Few rows are so late, and their
-- BRIN index finds them.
CREATE FUNCTION sespan.stats_mail_gone(day regclass, live bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($sql$
        INSERT INTO sespan.stats_mail (bucket, outcome, gone_mails)
        SELECT date_bin('15 minutes', o.finished_at, '2000-01-01 00:00+00'), o.state, count(*) FROM %s o
        WHERE o.finished_at >= sespan.mail_cutoff() AND o.message_id <> ALL ($1) GROUP BY 1, 2
    $sql$, day) USING live;
END
$$;
COMMENT ON FUNCTION sespan.stats_mail_gone(regclass, bigint[]) IS
    'Counts the outcomes that go with a day of messages though they are younger than the retention; those of live messages stay';

---- create above / drop below ----

DROP FUNCTION sespan.stats_mail_gone(regclass, bigint[]);
DROP TRIGGER stats_mail_deleted ON sespan.mail_outcome;
DROP TRIGGER stats_mail_updated ON sespan.mail_outcome;
DROP TRIGGER stats_mail_inserted ON sespan.mail_outcome;
DROP FUNCTION sespan.stats_mail_deleted(), sespan.stats_mail_updated(), sespan.stats_mail_inserted();
DROP VIEW sespan.stats_mail_day_total, sespan.stats_mail_total, sespan.stats_mail_appended;
DROP TABLE sespan.stats_mail_day, sespan.stats_mail_hour, sespan.stats_mail_quarter, sespan.stats_mail;
