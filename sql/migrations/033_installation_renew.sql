-- A restored copy of the database becomes an installation of its own: what the other one may have done
-- since, or still does, is not done again here.

-- Never read: the row type of installation_renew.
CREATE VIEW sespan.installation_renewed AS
SELECT NULL::bigint AS challenges, NULL::bigint AS mails_held, NULL::bigint AS mails_cancelled WHERE false;
COMMENT ON VIEW sespan.installation_renewed IS
    'Row type of installation_renew: challenges whose codes no longer work, mails that wait for a person, mails that were cancelled';

-- Locks the codes and the queue against whoever would use them, and waits for nobody: a service
-- that works here is a sign that this is no copy. One transaction: either all of it or nothing.
CREATE FUNCTION sespan.installation_renew(cancel_mails boolean DEFAULT false) RETURNS SETOF sespan.installation_renewed
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r sespan.installation_renewed;
    ids bigint[];
BEGIN
    IF EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
               AND a.application_name IN ('sespan', 'sespan mail', 'sespan announce', 'sespan log', 'sespan draws', 'sespan reports', 'sespan health', 'sespan listener')) THEN
        RAISE EXCEPTION 'sespan serve works on this database' USING ERRCODE = 'object_in_use',
            HINT = 'This is for a restored copy, before sespan serve works on it for the first time: stop it, if this is the copy.';
    END IF;
    LOCK TABLE sespan.otp, sespan.otp_challenge, sespan.mail_queue IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    UPDATE sespan.otp o SET status = 'superseded' WHERE o.status = 'pending';
    UPDATE sespan.otp_challenge c SET status = 'superseded', sealed_data = NULL WHERE c.status = 'pending';
    GET DIAGNOSTICS r.challenges = ROW_COUNT;
    -- What is not due yet has not been sent, unless the other installation is alive: then cancel_mails.
    UPDATE sespan.mail_queue q
    SET state = 'unknown', due_at = 'infinity', lease_token = NULL, leased_until = NULL, parked = NULL, tried_at = now(),
        announced_at = NULL, last_reason = 'restored', last_code = NULL, last_reply = 'sent between the backup and now, perhaps'
    WHERE q.state IN ('queued', 'retry', 'sending') OR q.state = 'scheduled' AND (cancel_mails OR q.due_at <= now() OR q.parked IS NOT NULL);
    r.mails_cancelled := 0;
    LOOP -- Codes that work no more, and with cancel_mails all of them; a person retries or cancels the rest.
        ids := ARRAY(SELECT DISTINCT q.message_id FROM sespan.mail_queue q
                     WHERE cancel_mails OR EXISTS (SELECT FROM sespan.mail_message m
                                                   WHERE m.message_id = q.message_id AND m.created_at = q.created_at AND m.sealed IS NOT NULL)
                     ORDER BY 1 LIMIT 10000);
        EXIT WHEN ids = '{}';
        r.mails_cancelled := r.mails_cancelled + (SELECT count(*) FROM sespan.mail_cancel(ids) c WHERE c.changed);
    END LOOP;
    SELECT count(*) INTO r.mails_held FROM sespan.mail_queue q WHERE q.state = 'unknown';
    DELETE FROM sespan.mail_worker w; -- of the other installation
    -- What the broker still carries is the other one's, and neither takes the other's for its own.
    UPDATE sespan.installation i SET installation_uuid = gen_random_uuid(), broker_prefix = NULL;
    UPDATE sespan.mail_queue q SET announced_at = NULL WHERE q.announced_at IS NOT NULL;
    PERFORM sespan.mail_announce_reset();
    PERFORM setval('sespan.mail_doorbell', 0);
    PERFORM sespan.audit_add('update', 'setting', 'installation',
        detail => format('%s challenges ended, %s mails held, %s mails cancelled', r.challenges, r.mails_held, r.mails_cancelled));
    RETURN NEXT r;
END
$$;
COMMENT ON FUNCTION sespan.installation_renew(boolean) IS
    'For a restored copy, before its first serve: a message broker takes it for another installation, no code works any more, and what may have been mailed since the backup waits for a person (state unknown) or, with cancel_mails, is cancelled; 55006 while a service works here';

---- create above / drop below ----

DROP FUNCTION sespan.installation_renew(boolean);
DROP VIEW sespan.installation_renewed;
