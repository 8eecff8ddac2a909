-- Pretended registrations: of an address that has an account nothing is made, and what
-- follows is as if something had been. The site writes one in the transaction of a
-- registration, before the customer; a real one writes the same row and takes it away again,
-- so that the two cost the same and lock the same: the unique index makes who registers a name
-- wait for who has just taken it. Lock order: this row, then all that otp_supersede takes.
CREATE TABLE sespan.pretended_registration (
    address_hash  bytea       PRIMARY KEY,
    name_hash     bytea       UNIQUE,
    customer_id   bigint,
    password      text        NOT NULL CHECK (length(password) <= 1000),
    registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pretended_registration_registered_at_idx ON sespan.pretended_registration (registered_at);
COMMENT ON TABLE sespan.pretended_registration IS 'Registrations of addresses that have an account, for a week: one row for an address, and no address or name in it';
COMMENT ON COLUMN sespan.pretended_registration.address_hash IS 'budget_key(pretended_address, address key)';
COMMENT ON COLUMN sespan.pretended_registration.name_hash IS 'budget_key(pretended_name, user name), NULL where none was given';
COMMENT ON COLUMN sespan.pretended_registration.customer_id IS 'Whose address it is; no reference, NULL where the site does not know';
COMMENT ON COLUMN sespan.pretended_registration.password IS 'The site''s hash of the password that was given';
COMMENT ON COLUMN sespan.pretended_registration.registered_at IS 'The newest one; a week later the row is deleted';
COMMENT ON INDEX sespan.pretended_registration_registered_at_idx IS 'For pretended_sweep';

CREATE FUNCTION sespan.pretended_begin(address_key text, name text, password text, customer_id bigint, pretended boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_address CONSTANT bytea := sespan.budget_key('pretended_address', address_key);
BEGIN
    INSERT INTO sespan.pretended_registration AS p (address_hash, name_hash, password, customer_id)
    VALUES (of_address, CASE WHEN name <> '' THEN sespan.budget_key('pretended_name', name) END, pretended_begin.password, pretended_begin.customer_id)
    ON CONFLICT ON CONSTRAINT pretended_registration_pkey DO UPDATE
    SET name_hash = EXCLUDED.name_hash, password = EXCLUDED.password, customer_id = EXCLUDED.customer_id, registered_at = now();
    DELETE FROM sespan.pretended_registration AS p WHERE p.address_hash = of_address AND NOT pretended_begin.pretended;
END
$$;
COMMENT ON FUNCTION sespan.pretended_begin(text, text, text, bigint, boolean) IS
    'For the site, in the transaction of a registration and before the customer: keeps a pretended one, or, of a real one, only looks that no other address has the name. 23505 where one has. Locks address and name until the transaction ends';

-- Both look-ups in any case: what they cost does not tell what is there.
CREATE FUNCTION sespan.pretended_find(address_key text, name text, OUT customer_id bigint, OUT password text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_address sespan.pretended_registration;
    of_name sespan.pretended_registration;
BEGIN
    SELECT * INTO of_address FROM sespan.pretended_registration AS p WHERE p.address_hash = sespan.budget_key('pretended_address', address_key);
    SELECT * INTO of_name FROM sespan.pretended_registration AS p WHERE p.name_hash = sespan.budget_key('pretended_name', name);
    IF of_address.address_hash IS NULL THEN
        of_address := of_name;
    END IF;
    customer_id := of_address.customer_id;
    password := of_address.password;
END
$$;
COMMENT ON FUNCTION sespan.pretended_find(text, text) IS 'For the site: the pretended registration of an address or else of a user name; NULL where there is none. Locks nothing';

CREATE FUNCTION sespan.pretended_takes_name(name text, address_key text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM sespan.pretended_registration AS p WHERE p.name_hash = sespan.budget_key('pretended_name', name)
                   AND p.address_hash <> sespan.budget_key('pretended_address', address_key));
END
$$;
COMMENT ON FUNCTION sespan.pretended_takes_name(text, text) IS 'For the site: whether the pretended registration of another address has this user name. Locks nothing';

CREATE FUNCTION sespan.pretended_end(address_key text, password text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sespan.pretended_registration AS p
    WHERE p.address_hash = sespan.budget_key('pretended_address', pretended_end.address_key) AND p.password = pretended_end.password;
END
$$;
COMMENT ON FUNCTION sespan.pretended_end(text, text) IS 'For the site: forgets the pretended registration of an address where it still has this hash of a password, as a real one goes when its visitor begins anew. Locks that row';

CREATE FUNCTION sespan.pretended_sweep(portion int) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    DELETE FROM sespan.pretended_registration AS p WHERE p.address_hash = ANY (ARRAY(
        SELECT o.address_hash FROM sespan.pretended_registration AS o WHERE o.registered_at < now() - interval '7 days'
        ORDER BY o.registered_at LIMIT portion FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;
COMMENT ON FUNCTION sespan.pretended_sweep(int) IS 'Deletes pretended registrations older than a week, at most portion, past rows that others hold; returns how many. A part of otp_sweep';

---- create above / drop below ----

DROP FUNCTION sespan.pretended_sweep(int), sespan.pretended_end(text, text), sespan.pretended_takes_name(text, text), sespan.pretended_find(text, text),
    sespan.pretended_begin(text, text, text, bigint, boolean);
DROP TABLE sespan.pretended_registration;
