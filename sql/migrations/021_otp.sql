-- One-time codes: challenges, their codes, what an address has used up, and the
-- right to be activated.

CREATE TABLE sespan.otp_budget (
    budget_key bytea         PRIMARY KEY,
    wrong_at   timestamptz[] NOT NULL DEFAULT '{}',
    touched_at timestamptz   NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
COMMENT ON TABLE sespan.otp_budget IS
    'Wrong codes of an address and purpose in the last hour, whatever the challenge; its row is also the lock under which everything about the two happens. What mails cost stands in sespan.budget';
COMMENT ON COLUMN sespan.otp_budget.budget_key IS 'otp_budget_key(address key, purpose, known browser): no address stands here, so the limits outlive the deletion of a customer';
COMMENT ON COLUMN sespan.otp_budget.wrong_at IS 'When wrong codes were tried, oldest first; older than an hour does not count';
COMMENT ON COLUMN sespan.otp_budget.touched_at IS 'Last use; a row that was idle for a day is deleted';

CREATE FUNCTION sespan.otp_budget_key(address_key text, purpose text, known_browser boolean) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sespan.budget_key(CASE WHEN known_browser THEN purpose || '_browser' ELSE purpose END, address_key);
COMMENT ON FUNCTION sespan.otp_budget_key(text, text, boolean) IS
    'Key of the budget of an address key and purpose. Browsers that have verified the address have one of their own, with challenges and guesses of their own, so that nobody else can use theirs up';

-- A function, whose plans PostgreSQL keeps: in one statement with both ways to find
-- a customer it would plan anew for each call, which took longer than to run it.
CREATE FUNCTION sespan.otp_customer(customer_id bigint, spellings text[], lookup boolean) RETURNS SETOF sespan.customer_row
LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    IF otp_customer.customer_id IS NOT NULL THEN
        RETURN QUERY SELECT * FROM sespan.customer_by_id(otp_customer.customer_id);
    ELSIF lookup THEN
        RETURN QUERY SELECT * FROM sespan.customer_by_email(NULL, otp_customer.spellings);
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.otp_customer(bigint, text[], boolean) IS
    'The customer by id, or the customers with one of these spellings of an address where lookup is set; two rows at most, which tells that an address is not unique';

CREATE TABLE sespan.otp_challenge (
    challenge_id  uuid        PRIMARY KEY,
    customer_id   bigint,
    budget_key    bytea       NOT NULL,
    address_key   text        NOT NULL,
    known_browser boolean     NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    sent_at       timestamptz NOT NULL,
    valid_until   timestamptz NOT NULL,
    verified_at   timestamptz,
    wrong_guesses smallint    NOT NULL DEFAULT 0 CHECK (wrong_guesses >= 0),
    repeats       smallint    NOT NULL DEFAULT 0,
    decoy         boolean     NOT NULL,
    purpose       text        NOT NULL CHECK (purpose IN ('registration', 'login')),
    status        text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'verified', 'superseded', 'locked', 'refused')),
    locale        text        NOT NULL,
    email         text        NOT NULL,
    sealed_data   bytea,
    CHECK ((status = 'verified') = (verified_at IS NOT NULL))
) WITH (fillfactor = 85);
CREATE INDEX otp_challenge_budget_key_created_at_idx ON sespan.otp_challenge (budget_key, created_at);
CREATE INDEX otp_challenge_created_at_sealed_idx ON sespan.otp_challenge (created_at) WHERE sealed_data IS NOT NULL;
COMMENT ON TABLE sespan.otp_challenge IS 'One wish to prove an address: what its codes share. Goes with its last code';
COMMENT ON COLUMN sespan.otp_challenge.challenge_id IS 'Public handle, a UUID of version 7';
COMMENT ON COLUMN sespan.otp_challenge.customer_id IS 'The customer; NULL for a decoy of an unknown address and for a registration before its customer. The foreign key is that of its codes in sespan.otp';
COMMENT ON COLUMN sespan.otp_challenge.budget_key IS 'The budget that it draws on, and whose lock comes first';
COMMENT ON COLUMN sespan.otp_challenge.address_key IS 'Key of the address, by which its mails are counted';
COMMENT ON COLUMN sespan.otp_challenge.known_browser IS 'Asked for by a browser that has verified the address before';
COMMENT ON COLUMN sespan.otp_challenge.created_at IS 'Start; a challenge takes further codes for 24 hours';
COMMENT ON COLUMN sespan.otp_challenge.sent_at IS 'When its newest code was mailed';
COMMENT ON COLUMN sespan.otp_challenge.valid_until IS 'Until when its newest code is valid';
COMMENT ON COLUMN sespan.otp_challenge.verified_at IS 'When a correct code came';
COMMENT ON COLUMN sespan.otp_challenge.wrong_guesses IS 'Wrong codes tried, counted before they are compared';
COMMENT ON COLUMN sespan.otp_challenge.repeats IS 'Codes tried after it was verified, which is told of the same code alone';
COMMENT ON COLUMN sespan.otp_challenge.decoy IS
    'No code of it was mailed: the address is unknown, not unique, or its customer is not to have one; an active one who registers is told of the account instead';
COMMENT ON COLUMN sespan.otp_challenge.purpose IS 'What its codes are for: registration login';
COMMENT ON COLUMN sespan.otp_challenge.status IS
    'pending verified superseded locked (five wrong codes) refused (a correct code without a right to activate, used up); pending ones end at valid_until';
COMMENT ON COLUMN sespan.otp_challenge.locale IS 'Language of its mails';
COMMENT ON COLUMN sespan.otp_challenge.email IS 'The address to prove, as it is mailed to';
COMMENT ON COLUMN sespan.otp_challenge.sealed_data IS 'Encrypted form data of a registration before its customer; given back and wiped by the verification';

CREATE TABLE sespan.otp (
    otp_id       bigint      GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    customer_id  bigint,
    challenge_id uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    valid_until  timestamptz NOT NULL,
    message_id   bigint,
    purpose      text        NOT NULL,
    status       text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'verified', 'expired', 'superseded', 'locked')),
    email        text        NOT NULL,
    key_id       text        NOT NULL,
    otp_number   bytea       NOT NULL CHECK (octet_length(otp_number) = 32),
    CHECK (valid_until > created_at)
) WITH (fillfactor = 85);
CREATE INDEX otp_challenge_id_idx ON sespan.otp (challenge_id);
CREATE INDEX otp_customer_id_idx ON sespan.otp (customer_id) WHERE customer_id IS NOT NULL;
-- Rows come in the order of time: a few bytes for every 16 pages find the day's.
CREATE INDEX otp_valid_until_idx ON sespan.otp USING brin (valid_until) WITH (pages_per_range = 16, autosummarize = on);
COMMENT ON TABLE sespan.otp IS 'Codes: one row for each that was mailed, up to three of a challenge valid at once. No row holds a code';
COMMENT ON COLUMN sespan.otp.otp_id IS 'Identity';
COMMENT ON COLUMN sespan.otp.customer_id IS 'The customer, with whom the row goes; NULL as in otp_challenge. bind-customers adds the foreign key';
COMMENT ON COLUMN sespan.otp.challenge_id IS 'The challenge; its codes share it. No foreign key: the challenge is written in the same transaction and goes with its last code';
COMMENT ON COLUMN sespan.otp.created_at IS 'When it was made; also created_at of its mail';
COMMENT ON COLUMN sespan.otp.valid_until IS 'Until when it is valid';
COMMENT ON COLUMN sespan.otp.message_id IS 'Its mail in mail_message, or that which told of an account instead; NULL where nobody was mailed';
COMMENT ON COLUMN sespan.otp.purpose IS 'Purpose of the challenge';
COMMENT ON COLUMN sespan.otp.status IS 'pending, verified (the one that was typed), expired, superseded (by later codes, or used up beside another), locked (five wrong codes)';
COMMENT ON COLUMN sespan.otp.email IS 'Where it was mailed';
COMMENT ON COLUMN sespan.otp.key_id IS 'Which of SESPAN_SECRET_KEYS made the hash';
COMMENT ON COLUMN sespan.otp.otp_number IS 'HMAC-SHA-256 over challenge, purpose and code; without the key it tells nothing of the code';

CREATE TABLE sespan.otp_activation (
    customer_id bigint PRIMARY KEY,
    granted_at  timestamptz,
    used_at     timestamptz,
    revoked_at  timestamptz,
    CHECK (coalesce(granted_at, revoked_at) IS NOT NULL),
    CHECK (used_at IS NULL OR granted_at IS NOT NULL)
);
COMMENT ON TABLE sespan.otp_activation IS
    'The right of a customer to be activated by a registration code: granted once, in the transaction that inserts the customer; a used or revoked one never comes back';
COMMENT ON COLUMN sespan.otp_activation.customer_id IS 'The customer, with whom the row goes. bind-customers adds the foreign key';
COMMENT ON COLUMN sespan.otp_activation.granted_at IS 'When otp_register granted it, with its customer';
COMMENT ON COLUMN sespan.otp_activation.used_at IS 'When a correct code of a registration came, which activated the customer unless somebody else had';
COMMENT ON COLUMN sespan.otp_activation.revoked_at IS 'When otp_revoke ended it, or the customer was seen to be active without a code';

-- Deleting a customer deletes the codes (foreign key), and a challenge goes with
-- its last code: one foreign key to check for each code instead of two.
CREATE FUNCTION sespan.otp_challenge_follow() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sespan.otp_challenge AS c
    USING (SELECT DISTINCT challenge_id FROM gone) AS g
    WHERE c.challenge_id = g.challenge_id AND NOT EXISTS (SELECT FROM sespan.otp AS o WHERE o.challenge_id = g.challenge_id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION sespan.otp_challenge_follow() IS 'Deletes the challenges that have lost their last code';
CREATE TRIGGER otp_challenge_follow AFTER DELETE ON sespan.otp REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION sespan.otp_challenge_follow();
COMMENT ON TRIGGER otp_challenge_follow ON sespan.otp IS 'A challenge goes with its last code';

CREATE FUNCTION sespan.otp_revoke(customer_id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    INSERT INTO sespan.otp_activation AS a (customer_id, revoked_at) VALUES (otp_revoke.customer_id, now())
    ON CONFLICT ON CONSTRAINT otp_activation_pkey DO UPDATE SET revoked_at = now() WHERE a.used_at IS NULL AND a.revoked_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
        PERFORM sespan.audit_add('revoke', 'activation', otp_revoke.customer_id::text);
    END IF;
    RETURN changed;
EXCEPTION WHEN foreign_key_violation OR not_null_violation THEN
    RETURN 0;
END
$$;
COMMENT ON FUNCTION sespan.otp_revoke(bigint) IS
    'Ends a customer''s right to be activated by a code, for good, also where it was not granted yet. Returns the rows changed: 0 when it had ended before or there is no such customer';

-- In portions, past rows that others hold; no row is needed by a challenge that
-- still takes codes.
CREATE FUNCTION sespan.otp_sweep(keep interval, portion int) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint := 0;
    n bigint;
BEGIN
    WITH old AS (
        SELECT otp_id FROM sespan.otp WHERE status = 'pending' AND valid_until BETWEEN now() - interval '2 days' AND now()
        LIMIT portion FOR UPDATE SKIP LOCKED)
    UPDATE sespan.otp AS o SET status = 'expired' FROM old WHERE o.otp_id = old.otp_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;

    WITH old AS (
        SELECT challenge_id FROM sespan.otp_challenge WHERE sealed_data IS NOT NULL AND created_at < now() - interval '25 hours'
        LIMIT portion FOR UPDATE SKIP LOCKED)
    UPDATE sespan.otp_challenge AS c SET sealed_data = NULL FROM old WHERE c.challenge_id = old.challenge_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;

    WITH old AS (
        SELECT otp_id FROM sespan.otp WHERE created_at < now() - greatest(keep, interval '2 days')
        ORDER BY otp_id LIMIT portion FOR UPDATE SKIP LOCKED)
    DELETE FROM sespan.otp AS o USING old WHERE o.otp_id = old.otp_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;

    WITH old AS (
        SELECT budget_key FROM sespan.otp_budget WHERE touched_at < now() - interval '1 day'
        LIMIT portion FOR UPDATE SKIP LOCKED)
    DELETE FROM sespan.otp_budget AS b USING old WHERE b.budget_key = old.budget_key;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN changed + n + sespan.budget_sweep(portion) + sespan.pretended_sweep(portion);
END
$$;
COMMENT ON FUNCTION sespan.otp_sweep(interval, int) IS
    'Marks expired codes, wipes form data that nobody came back for, deletes codes older than keep (2 days at least), idle budgets and old pretended registrations, each at most portion rows; returns the rows changed';

---- create above / drop below ----

DROP FUNCTION sespan.otp_sweep(interval, int);
DROP FUNCTION sespan.otp_revoke(bigint);
DROP TABLE sespan.otp;
DROP FUNCTION sespan.otp_challenge_follow();
DROP TABLE sespan.otp_activation, sespan.otp_challenge, sespan.otp_budget;
DROP FUNCTION sespan.otp_customer(bigint, text[], boolean);
DROP FUNCTION sespan.otp_budget_key(text, text, boolean);
