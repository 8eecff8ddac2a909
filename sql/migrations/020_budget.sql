-- What strangers may cause: mails to an address, from a visitor and of the whole
-- site, and guesses of the password of a registration. A budget is one row for a
-- key, with the times of what it has paid for; it is one for all forms and
-- purposes, all processes, the service and the site.
--
-- Lock order: the budget of codes (otp_budget), then these: address or browser,
-- visitor, and last the site's. budget_lock takes the first two and holds them
-- until the transaction ends, so that what a later statement reads is exact.

CREATE TABLE sespan.budget_limit (
    name   text     PRIMARY KEY,
    scope  text     NOT NULL,
    period interval NOT NULL CHECK (period > interval '0'),
    most   int      CHECK (most >= 0 AND (most <= 10000 OR scope = 'mails_site'))
);
INSERT INTO sespan.budget_limit (name, scope, period, most) VALUES
    ('mails_address_minute',    'mails_address',   '1 minute',   1),
    ('mails_address_hour',      'mails_address',   '1 hour',     5),
    ('mails_address_day',       'mails_address',   '1 day',      10),
    ('mails_browser_hour',      'mails_browser',   '1 hour',     3),
    ('mails_visitor_minute',    'mails_visitor',   '1 minute',   20),
    ('mails_visitor_day',       'mails_visitor',   '1 day',      300),
    ('mails_site_day',          'mails_site',      '1 day',      100000),
    ('guesses_address_quarter', 'guesses_address', '15 minutes', 10),
    ('guesses_browser_quarter', 'guesses_browser', '15 minutes', 10),
    ('guesses_visitor_quarter', 'guesses_visitor', '15 minutes', 20);
COMMENT ON TABLE sespan.budget_limit IS 'What a budget may pay for in a while; a person changes most with UPDATE, and it counts at once';
COMMENT ON COLUMN sespan.budget_limit.name IS 'Scope and period as one word';
COMMENT ON COLUMN sespan.budget_limit.scope IS
    'Of what (mails; guesses of the password of a registration) and whose: an address, a browser that has verified the address, a visitor (IPv4 address, IPv6 /64), the site';
COMMENT ON COLUMN sespan.budget_limit.period IS 'The sliding while in which it counts; that of the site is a day of UTC';
COMMENT ON COLUMN sespan.budget_limit.most IS 'How many in the period; 0 for none, NULL for no limit';
CREATE TRIGGER budget_limit_audit AFTER INSERT OR UPDATE OR DELETE ON sespan.budget_limit FOR EACH ROW
    EXECUTE FUNCTION sespan.audit_row('{"subject": "setting", "id": "name"}');
COMMENT ON TRIGGER budget_limit_audit ON sespan.budget_limit IS 'Audit of changed limits';

CREATE TABLE sespan.budget (
    budget_key bytea         PRIMARY KEY,
    used_at    timestamptz[] NOT NULL DEFAULT '{}',
    touched_at timestamptz   NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
COMMENT ON TABLE sespan.budget IS 'What an address, a browser or a visitor has caused of late: one row for a key, which is also the lock under which it is counted';
COMMENT ON COLUMN sespan.budget.budget_key IS 'budget_key(scope, address key or network): no address stands here';
COMMENT ON COLUMN sespan.budget.used_at IS 'When, oldest first; what no limit reaches any more is dropped with the next use';
COMMENT ON COLUMN sespan.budget.touched_at IS 'Last use; a row that was idle for a day is deleted';

-- Several rows a day, so that two mails need not wait for each other.
CREATE TABLE sespan.budget_site (
    day   date     NOT NULL,
    shard smallint NOT NULL,
    used  int      NOT NULL DEFAULT 0,
    PRIMARY KEY (day, shard)
) WITH (fillfactor = 50);
COMMENT ON TABLE sespan.budget_site IS 'Mails that strangers have caused in a day, as the sum of a few rows';
COMMENT ON COLUMN sespan.budget_site.day IS 'Day of UTC';
COMMENT ON COLUMN sespan.budget_site.shard IS 'Number of the row within the day';
COMMENT ON COLUMN sespan.budget_site.used IS 'Mails counted on this row, those of known browsers and those that nobody was sent included';

-- These run several times for each mail. In plpgsql one call takes 1 to 2 µs; as SQL
-- functions, which cannot be inlined here, budget_key took 3 and budget_visitor 11.
CREATE FUNCTION sespan.budget_key(scope text, subject text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN pg_catalog.substr(pg_catalog.sha256(pg_catalog.convert_to(scope OPERATOR(pg_catalog.||) ':' OPERATOR(pg_catalog.||) subject, 'UTF8')), 1, 16);
END
$$;
COMMENT ON FUNCTION sespan.budget_key(text, text) IS 'First 16 bytes of SHA-256 of scope:subject';

-- A peer on this machine is a proxy that does not say for whom it asks.
CREATE FUNCTION sespan.budget_visitor(address inet) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one inet := CASE WHEN address <<= '::ffff:0:0/96' THEN substr(host(address), 8)::inet ELSE host(address)::inet END;
BEGIN
    RETURN CASE
        WHEN one <<= '127.0.0.0/8' OR one <<= '0.0.0.0/8' OR one <<= '::/127' THEN NULL
        WHEN family(one) = 4 THEN host(one)
        ELSE host(network(set_masklen(one, 64)))
    END;
END
$$;
COMMENT ON FUNCTION sespan.budget_visitor(inet) IS 'The visitor behind a network address: an IPv4 address, or an IPv6 /64; NULL for loopback';

CREATE FUNCTION sespan.budget_keys(noun text, address_key text, known_browser boolean, visitor inet, OUT scopes text[], OUT keys bytea[])
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    guest text := CASE WHEN NOT known_browser THEN sespan.budget_visitor(visitor) END;
BEGIN
    scopes := '{}'; keys := '{}';
    IF address_key <> '' THEN
        scopes := ARRAY[noun || CASE WHEN known_browser THEN '_browser' ELSE '_address' END];
        keys := ARRAY[sespan.budget_key(scopes[1], address_key)];
    END IF;
    IF guest <> '' THEN
        scopes := scopes || (noun || '_visitor'); keys := keys || sespan.budget_key(noun || '_visitor', guest);
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.budget_keys(text, text, boolean, inet) IS
    'The budgets that a use draws on, in the order in which they are locked: a browser that has verified the address draws on its own alone, whatever others do';

CREATE FUNCTION sespan.budget_today() RETURNS date
LANGUAGE sql STABLE RETURN (now() AT TIME ZONE 'UTC')::date;
COMMENT ON FUNCTION sespan.budget_today() IS 'The day of UTC';

-- Mails that are not committed yet are not in the sum; each needs a connection, and
-- one at least may be counted twice. So much before the end the site's ceiling is
-- reached one after the other.
CREATE FUNCTION sespan.budget_site_lock() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ceiling int := (SELECT l.most FROM sespan.budget_limit AS l WHERE l.scope = 'mails_site');
BEGIN
    IF ceiling <= current_setting('max_connections')::int
        + (SELECT coalesce(sum(s.used), 0) FROM sespan.budget_site AS s WHERE s.day = sespan.budget_today())
    THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('sespan.budget_site', 0));
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.budget_site_lock() IS 'Makes the mails of strangers wait for each other where the day''s ceiling is near. A part of budget_lock';

CREATE FUNCTION sespan.budget_lock(noun text, address_key text, known_browser boolean, visitor inet) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- An update that is not done locks the row as well and writes nothing. It is done after
    -- the clock was set back: times that are still to come become now, and end from here on.
    INSERT INTO sespan.budget AS b (budget_key)
    SELECT unnest(k.keys) FROM sespan.budget_keys(budget_lock.noun, budget_lock.address_key, budget_lock.known_browser, budget_lock.visitor) AS k
    ON CONFLICT ON CONSTRAINT budget_pkey DO UPDATE SET used_at = ARRAY(SELECT least(t.at, now()) FROM unnest(b.used_at) AS t (at) ORDER BY t.at)
    WHERE b.used_at[cardinality(b.used_at)] > clock_timestamp();
    IF budget_lock.noun = 'mails' AND NOT budget_lock.known_browser THEN
        PERFORM sespan.budget_site_lock();
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.budget_lock(text, text, boolean, inet) IS
    'Locks the budgets of a use (mails or guesses) until the transaction ends, and makes those that are new. Only a later statement sees what was committed while it waited';

-- The times of a budget are in order: whether a limit is reached, and until when,
-- is told by the one that is as many from the end as the limit allows. A time of a
-- clock that was ahead counts as now: nobody waits longer than the period. One look-up
-- for a key: a join may be planned for an empty table, and then reads all of it.
CREATE FUNCTION sespan.budget_free(noun text, address_key text, known_browser boolean, visitor inet, OUT free_at timestamptz, OUT next_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own record;
    used timestamptz[];
    n int;
    site_most int;
    site_used bigint;
    midnight timestamptz;
BEGIN
    free_at := now(); next_at := now();
    SELECT k.scopes, k.keys INTO own
    FROM sespan.budget_keys(budget_free.noun, budget_free.address_key, budget_free.known_browser, budget_free.visitor) AS k;
    FOR i IN 1 .. cardinality(own.keys) LOOP
        used := coalesce((SELECT b.used_at FROM sespan.budget AS b WHERE b.budget_key = own.keys[i]), '{}');
        n := cardinality(used);
        SELECT greatest(free_at, max(l.period + CASE WHEN l.most < 1 THEN now() WHEN l.most <= n THEN least(used[n - l.most + 1], now()) END)),
               greatest(next_at, max(l.period + CASE WHEN l.most < 2 THEN now() WHEN l.most <= n + 1 THEN least(used[n - l.most + 2], now()) END))
        INTO free_at, next_at FROM sespan.budget_limit AS l WHERE l.scope = own.scopes[i];
    END LOOP;
    IF budget_free.noun = 'mails' AND NOT budget_free.known_browser THEN
        SELECT l.most INTO site_most FROM sespan.budget_limit AS l WHERE l.scope = 'mails_site';
        IF site_most IS NULL THEN
            RETURN;
        END IF;
        SELECT coalesce(sum(s.used), 0) INTO site_used FROM sespan.budget_site AS s WHERE s.day = sespan.budget_today();
        midnight := (sespan.budget_today() + 1)::timestamp AT TIME ZONE 'UTC';
        IF site_used >= site_most THEN
            free_at := greatest(free_at, midnight);
        END IF;
        IF site_used + 1 >= site_most THEN
            next_at := greatest(next_at, midnight);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.budget_free(text, text, boolean, inet) IS
    'From when a use may be made (now, where it may), and from when the next after one that is made now. Locks nothing: exact after budget_lock';

CREATE FUNCTION sespan.budget_spend(noun text, address_key text, known_browser boolean, visitor inet) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own record;
    longest interval;
    kept int;
BEGIN
    SELECT k.scopes, k.keys INTO own
    FROM sespan.budget_keys(budget_spend.noun, budget_spend.address_key, budget_spend.known_browser, budget_spend.visitor) AS k;
    FOR i IN 1 .. cardinality(own.keys) LOOP
        SELECT coalesce(max(l.period), interval '0'), coalesce(max(l.most), 0) INTO longest, kept
        FROM sespan.budget_limit AS l WHERE l.scope = own.scopes[i] AND l.most IS NOT NULL;
        UPDATE sespan.budget AS b
        SET touched_at = now(), used_at = CASE WHEN cardinality(b.used_at) = 0 THEN ARRAY[now()] ELSE ARRAY(
            SELECT least(k.at, now()) FROM (
                SELECT t.at FROM unnest(b.used_at) AS t (at) WHERE t.at > now() - longest ORDER BY t.at DESC LIMIT kept
            ) AS k ORDER BY k.at) || now() END
        WHERE b.budget_key = own.keys[i];
    END LOOP;
    IF budget_spend.noun <> 'mails' THEN
        RETURN;
    END IF;
    UPDATE sespan.budget_site AS s SET used = s.used + 1
    FROM (SELECT f.day, f.shard FROM sespan.budget_site AS f WHERE f.day = sespan.budget_today() LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS idle
    WHERE s.day = idle.day AND s.shard = idle.shard;
    IF NOT FOUND THEN
        INSERT INTO sespan.budget_site AS s (day, shard, used) VALUES (sespan.budget_today(), floor(random() * 64), 1)
        ON CONFLICT ON CONSTRAINT budget_site_pkey DO UPDATE SET used = s.used + 1;
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.budget_spend(text, text, boolean, inet) IS 'Counts one use, after budget_lock. Locks one row of the day: the last thing that a transaction does';

CREATE FUNCTION sespan.budget_take(noun text, address_key text, known_browser boolean DEFAULT false, visitor inet DEFAULT NULL) RETURNS interval
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wait interval;
BEGIN
    PERFORM sespan.budget_lock(budget_take.noun, budget_take.address_key, budget_take.known_browser, budget_take.visitor);
    wait := sespan.budget_wait(budget_take.noun, budget_take.address_key, budget_take.known_browser, budget_take.visitor);
    IF wait = interval '0' THEN
        PERFORM sespan.budget_spend(budget_take.noun, budget_take.address_key, budget_take.known_browser, budget_take.visitor);
    END IF;
    RETURN wait;
END
$$;
COMMENT ON FUNCTION sespan.budget_take(text, text, boolean, inet) IS
    'For the site: counts a use (mails or guesses) where it may be made, and returns zero; else how long to wait, and counts nothing. address_key is the address key, visitor the network address or NULL for none';

CREATE FUNCTION sespan.budget_wait(noun text, address_key text, known_browser boolean DEFAULT false, visitor inet DEFAULT NULL) RETURNS interval
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own CONSTANT bytea[] := (SELECT k.keys FROM sespan.budget_keys(budget_wait.noun, budget_wait.address_key, budget_wait.known_browser, budget_wait.visitor) AS k);
BEGIN
    IF EXISTS (SELECT FROM sespan.budget AS b WHERE b.budget_key = ANY (own) AND b.used_at[cardinality(b.used_at)] > clock_timestamp()) THEN
        PERFORM sespan.budget_lock(budget_wait.noun, budget_wait.address_key, budget_wait.known_browser, budget_wait.visitor); -- which puts the times right
    END IF;
    RETURN (SELECT f.free_at - now() FROM sespan.budget_free(budget_wait.noun, budget_wait.address_key, budget_wait.known_browser, budget_wait.visitor) AS f);
END
$$;
COMMENT ON FUNCTION sespan.budget_wait(text, text, boolean, inet) IS 'For the site: how long until a use may be made, zero where it may now. Counts nothing, and locks nothing unless the clock was set back';

CREATE FUNCTION sespan.budget_give_back(noun text, address_key text, known_browser boolean DEFAULT false, visitor inet DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sespan.budget_lock(budget_give_back.noun, budget_give_back.address_key, budget_give_back.known_browser, budget_give_back.visitor);
    UPDATE sespan.budget AS b SET used_at = b.used_at[:cardinality(b.used_at) - 1]
    WHERE b.budget_key = ANY ((SELECT k.keys FROM sespan.budget_keys(budget_give_back.noun, budget_give_back.address_key, budget_give_back.known_browser, budget_give_back.visitor) AS k)::bytea[]);
END
$$;
COMMENT ON FUNCTION sespan.budget_give_back(text, text, boolean, inet) IS 'For the site: takes the newest use back, of a guess that was right';

CREATE FUNCTION sespan.budget_sweep(portion int) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
    kept CONSTANT interval := greatest(interval '1 day', (SELECT max(l.period) FROM sespan.budget_limit AS l));
BEGIN
    WITH old AS (
        SELECT b.budget_key FROM sespan.budget AS b WHERE b.touched_at < now() - kept
        LIMIT portion FOR UPDATE SKIP LOCKED)
    DELETE FROM sespan.budget AS b USING old WHERE b.budget_key = old.budget_key;
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM sespan.budget_site AS s WHERE s.day < sespan.budget_today() - 7;
    RETURN n;
END
$$;
COMMENT ON FUNCTION sespan.budget_sweep(int) IS 'Deletes idle budgets, at most portion, past rows that others hold, and the sums of days that are over for a week; returns the budgets deleted';

---- create above / drop below ----

DROP FUNCTION sespan.budget_sweep(int), sespan.budget_give_back(text, text, boolean, inet), sespan.budget_take(text, text, boolean, inet),
    sespan.budget_wait(text, text, boolean, inet), sespan.budget_spend(text, text, boolean, inet), sespan.budget_free(text, text, boolean, inet),
    sespan.budget_lock(text, text, boolean, inet), sespan.budget_site_lock(), sespan.budget_today(), sespan.budget_keys(text, text, boolean, inet),
    sespan.budget_visitor(inet), sespan.budget_key(text, text);
DROP TABLE sespan.budget_site, sespan.budget, sespan.budget_limit;
