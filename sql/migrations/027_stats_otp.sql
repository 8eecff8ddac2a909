-- One-time codes: counted from challenges and codes, by purpose.

CREATE TABLE sespan.stats_otp (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bucket timestamptz NOT NULL,
    purpose text NOT NULL,
    issued int,
    resent int,
    verified int,
    failed int,
    locked int,
    expired int,
    gone_issued int,
    gone_resent int,
    gone_verified int,
    gone_expired int
) PARTITION BY RANGE (appended_at);
CREATE TABLE sespan.stats_otp_default PARTITION OF sespan.stats_otp DEFAULT;
ALTER TABLE sespan.stats_otp REPLICA IDENTITY FULL;
ALTER TABLE sespan.stats_otp_default REPLICA IDENTITY FULL;
CREATE INDEX stats_otp_xid_idx ON sespan.stats_otp (xid);

CREATE TABLE sespan.stats_otp_quarter (
    bucket timestamptz NOT NULL,
    purpose text NOT NULL,
    issued bigint NOT NULL,
    resent bigint NOT NULL,
    verified bigint NOT NULL,
    failed bigint NOT NULL,
    locked bigint NOT NULL,
    expired bigint NOT NULL,
    gone_issued bigint NOT NULL,
    gone_resent bigint NOT NULL,
    gone_verified bigint NOT NULL,
    gone_expired bigint NOT NULL,
    CONSTRAINT stats_otp_quarter_key PRIMARY KEY (bucket, purpose)
) WITH (fillfactor = 80);

CREATE TABLE sespan.stats_otp_hour (LIKE sespan.stats_otp_quarter INCLUDING ALL) WITH (fillfactor = 80);
COMMENT ON TABLE sespan.stats_otp_hour IS 'Events of one-time codes by hour (UTC), up to the horizon: for the hours of zones whose offset is whole hours';
COMMENT ON COLUMN sespan.stats_otp_hour.bucket IS 'Start of the hour (UTC) of the event';

CREATE TABLE sespan.stats_otp_day (
    time_zone text NOT NULL,
    day date NOT NULL,
    purpose text NOT NULL,
    issued bigint NOT NULL,
    resent bigint NOT NULL,
    verified bigint NOT NULL,
    failed bigint NOT NULL,
    locked bigint NOT NULL,
    expired bigint NOT NULL,
    gone_issued bigint NOT NULL,
    gone_resent bigint NOT NULL,
    gone_verified bigint NOT NULL,
    gone_expired bigint NOT NULL,
    CONSTRAINT stats_otp_day_key PRIMARY KEY (time_zone, day, purpose)
) WITH (fillfactor = 80);

COMMENT ON TABLE sespan.stats_otp IS 'Events of one-time codes, appended in the commit of what they count; a partition per hour of appending, dropped some hours after they were folded';
COMMENT ON COLUMN sespan.stats_otp.xid IS 'The transaction that appended it';
COMMENT ON COLUMN sespan.stats_otp.appended_at IS 'When; the partition key';

COMMENT ON TABLE sespan.stats_otp_quarter IS 'Events of one-time codes by quarter of an hour, up to the horizon; read stats_otp_total';
COMMENT ON COLUMN sespan.stats_otp_quarter.bucket IS 'Start of the quarter of an hour (UTC) of the event';
COMMENT ON COLUMN sespan.stats_otp_quarter.purpose IS 'Purpose of the challenge';
COMMENT ON COLUMN sespan.stats_otp_quarter.issued IS 'First codes of challenges that were mailed, at created_at';
COMMENT ON COLUMN sespan.stats_otp_quarter.resent IS 'Further codes of challenges that were mailed, at created_at';
COMMENT ON COLUMN sespan.stats_otp_quarter.verified IS 'Challenges that a correct code ended, at verified_at';
COMMENT ON COLUMN sespan.stats_otp_quarter.failed IS 'Wrong guesses, when they came';
COMMENT ON COLUMN sespan.stats_otp_quarter.locked IS 'Challenges that too many wrong guesses locked, when they came';
COMMENT ON COLUMN sespan.stats_otp_quarter.expired IS 'Codes that were mailed and that nobody used in time, at valid_until, once they are marked';
COMMENT ON COLUMN sespan.stats_otp_quarter.gone_issued IS 'Of issued: those whose row was deleted since, by retention or with its customer';
COMMENT ON COLUMN sespan.stats_otp_quarter.gone_resent IS 'Of resent: those whose row was deleted since';
COMMENT ON COLUMN sespan.stats_otp_quarter.gone_verified IS 'Of verified: those whose row was deleted since';
COMMENT ON COLUMN sespan.stats_otp_quarter.gone_expired IS 'Of expired: those whose row was deleted since';

COMMENT ON TABLE sespan.stats_otp_day IS 'Events of one-time codes by day of a zone, up to the horizon; read stats_otp_day_total';
COMMENT ON COLUMN sespan.stats_otp_day.time_zone IS 'The zone of the day';
COMMENT ON COLUMN sespan.stats_otp_day.day IS 'Day of the event in that zone';

CREATE VIEW sespan.stats_otp_appended AS
SELECT xid, bucket, purpose, coalesce(issued, 0)::bigint AS issued, coalesce(resent, 0)::bigint AS resent,
       coalesce(verified, 0)::bigint AS verified, coalesce(failed, 0)::bigint AS failed, coalesce(locked, 0)::bigint AS locked,
       coalesce(expired, 0)::bigint AS expired, coalesce(gone_issued, 0)::bigint AS gone_issued,
       coalesce(gone_resent, 0)::bigint AS gone_resent, coalesce(gone_verified, 0)::bigint AS gone_verified,
       coalesce(gone_expired, 0)::bigint AS gone_expired
FROM sespan.stats_otp;
COMMENT ON VIEW sespan.stats_otp_appended IS 'Appended counts in the columns of their sums';

CREATE VIEW sespan.stats_otp_total AS
SELECT bucket, purpose, issued, resent, verified, failed, locked, expired
FROM sespan.stats_otp_quarter
UNION ALL
SELECT bucket, purpose, issued, resent, verified, failed, locked, expired
FROM sespan.stats_otp_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_otp_total IS 'Events of one-time codes by purpose by quarter of an hour (UTC), exact at any moment; several rows of a bucket are to be summed';

CREATE VIEW sespan.stats_otp_day_total AS
SELECT day, purpose, issued, resent, verified, failed, locked, expired
FROM sespan.stats_otp_day
WHERE time_zone = (SELECT h.time_zone FROM sespan.stats_horizon h)
UNION ALL
SELECT (bucket AT TIME ZONE (SELECT h.time_zone FROM sespan.stats_horizon h))::date, purpose, issued, resent, verified, failed, locked,
       expired
FROM sespan.stats_otp_appended
WHERE xid >= (SELECT h.horizon FROM sespan.stats_horizon h) AND xid <= '18446744073709551615';
COMMENT ON VIEW sespan.stats_otp_day_total IS 'Events of one-time codes by purpose by day, in the zone of stats_horizon, exact at any moment; several rows of a day are to be summed';

-- A code that was mailed to nobody (a decoy) counts for nothing, and neither does
-- the notice that an address gets in place of a decoy's code; its row of zeros
-- takes as long as another. A decoy's enqueued mail, with its count, is rolled back.
CREATE FUNCTION sespan.stats_otp_mailed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_otp (bucket, purpose, issued, resent)
    SELECT date_bin('15 minutes', NEW.created_at, '2000-01-01 00:00+00'), NEW.purpose,
           (NOT c.decoy AND NEW.created_at = c.created_at)::int, (NOT c.decoy AND NEW.created_at <> c.created_at)::int
    FROM sespan.otp_challenge c WHERE c.challenge_id = NEW.challenge_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_otp_mailed() IS 'Counts a code that was mailed';
CREATE TRIGGER stats_otp_mailed AFTER INSERT ON sespan.otp
    FOR EACH ROW WHEN (NEW.message_id IS NOT NULL) EXECUTE FUNCTION sespan.stats_otp_mailed();
COMMENT ON TRIGGER stats_otp_mailed ON sespan.otp IS 'Counts mailed codes. Switched off: they are missing for ever';

-- A guess is counted on the challenge before it is compared, and taken back in the
-- same transaction if it was right. So whether it was wrong shows at the commit.
CREATE FUNCTION sespan.stats_otp_failed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sespan.otp_challenge c WHERE c.challenge_id = NEW.challenge_id AND c.wrong_guesses < NEW.wrong_guesses) THEN
        INSERT INTO sespan.stats_otp (bucket, purpose, failed)
        VALUES (date_bin('15 minutes', now(), '2000-01-01 00:00+00'), NEW.purpose, NEW.wrong_guesses - OLD.wrong_guesses);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_otp_failed() IS 'Counts a guess that was not taken back';
CREATE CONSTRAINT TRIGGER stats_otp_failed AFTER UPDATE ON sespan.otp_challenge DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.wrong_guesses > OLD.wrong_guesses) EXECUTE FUNCTION sespan.stats_otp_failed();
COMMENT ON TRIGGER stats_otp_failed ON sespan.otp_challenge IS 'Counts wrong codes, at the end of the transaction. Switched off: they are missing for ever';

CREATE FUNCTION sespan.stats_otp_ended() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_otp (bucket, purpose, verified, locked)
    SELECT date_bin('15 minutes', x.at, '2000-01-01 00:00+00'), NEW.purpose, x.verified, x.locked
    FROM (VALUES (NEW.verified_at, 1, NULL::int), (OLD.verified_at, -1, NULL), (CASE WHEN NEW.status = 'locked' THEN now() END, NULL, 1)) x (at, verified, locked)
    WHERE x.at IS NOT NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_otp_ended() IS 'Counts a challenge that a correct code ends, or wrong ones lock';
CREATE TRIGGER stats_otp_ended AFTER UPDATE ON sespan.otp_challenge
    FOR EACH ROW WHEN (NEW.verified_at IS DISTINCT FROM OLD.verified_at OR NEW.status = 'locked' AND OLD.status <> 'locked')
    EXECUTE FUNCTION sespan.stats_otp_ended();
COMMENT ON TRIGGER stats_otp_ended ON sespan.otp_challenge IS 'Counts verified and locked challenges. Switched off: they are missing for ever';

-- For each row, because most updates of codes expire none: a condition costs them
-- less than a table of what changed.
CREATE FUNCTION sespan.stats_otp_expired() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_otp (bucket, purpose, expired)
    SELECT date_bin('15 minutes', NEW.valid_until, '2000-01-01 00:00+00'), NEW.purpose, 1
    FROM sespan.otp_challenge c WHERE c.challenge_id = NEW.challenge_id AND NOT c.decoy;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_otp_expired() IS 'Counts a mailed code that is marked as expired';
CREATE TRIGGER stats_otp_expired AFTER UPDATE ON sespan.otp
    FOR EACH ROW WHEN (NEW.status = 'expired' AND OLD.status <> 'expired' AND NEW.message_id IS NOT NULL) EXECUTE FUNCTION sespan.stats_otp_expired();
COMMENT ON TRIGGER stats_otp_expired ON sespan.otp IS 'Counts expired codes. Switched off: they are missing for ever';

-- A count stays when its row goes. So that the others can be compared with their
-- rows, what went is counted too: at the moment that the row was counted at.
CREATE FUNCTION sespan.stats_otp_gone() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_otp (bucket, purpose, gone_issued, gone_resent, gone_expired)
    SELECT date_bin('15 minutes', x.at, '2000-01-01 00:00+00'), g.purpose, sum(x.issued), sum(x.resent), sum(x.expired)
    FROM gone g JOIN sespan.otp_challenge c ON c.challenge_id = g.challenge_id
    CROSS JOIN LATERAL (SELECT g.created_at AS at, (g.created_at = c.created_at)::int AS issued, (g.created_at <> c.created_at)::int AS resent, 0 AS expired
                        UNION ALL SELECT g.valid_until, 0, 0, 1 WHERE g.status = 'expired') x
    WHERE g.message_id IS NOT NULL AND NOT c.decoy
    GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_otp_gone() IS 'Counts the mailed codes that are deleted';
-- Its name comes before otp_challenge_follow, which deletes the challenge.
CREATE TRIGGER count_otp_gone AFTER DELETE ON sespan.otp REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_otp_gone();
COMMENT ON TRIGGER count_otp_gone ON sespan.otp IS 'Counts codes whose rows go, so that the others can be compared with their counts (stats_check)';

CREATE FUNCTION sespan.stats_otp_challenge_gone() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO sespan.stats_otp (bucket, purpose, gone_verified)
    SELECT date_bin('15 minutes', g.verified_at, '2000-01-01 00:00+00'), g.purpose, count(*) FROM gone g WHERE g.verified_at IS NOT NULL GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.stats_otp_challenge_gone() IS 'Counts the verified challenges that are deleted';
CREATE TRIGGER stats_otp_challenge_gone AFTER DELETE ON sespan.otp_challenge REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.stats_otp_challenge_gone();
COMMENT ON TRIGGER stats_otp_challenge_gone ON sespan.otp_challenge IS 'Counts challenges whose rows go, for the same';

---- create above / drop below ----

DROP TRIGGER stats_otp_challenge_gone ON sespan.otp_challenge;
DROP TRIGGER count_otp_gone ON sespan.otp;
DROP TRIGGER stats_otp_expired ON sespan.otp;
DROP TRIGGER stats_otp_ended ON sespan.otp_challenge;
DROP TRIGGER stats_otp_failed ON sespan.otp_challenge;
DROP TRIGGER stats_otp_mailed ON sespan.otp;
DROP FUNCTION sespan.stats_otp_challenge_gone(), sespan.stats_otp_gone(), sespan.stats_otp_expired(), sespan.stats_otp_ended(), sespan.stats_otp_failed(),
    sespan.stats_otp_mailed();
DROP VIEW sespan.stats_otp_day_total, sespan.stats_otp_total, sespan.stats_otp_appended;
DROP TABLE sespan.stats_otp_day, sespan.stats_otp_hour, sespan.stats_otp_quarter, sespan.stats_otp;
