-- Addresses: the key by which they compare, of those that have one in SQL. SQL has
-- no IDNA, and not every server folds Unicode: an address beyond ASCII has its key
-- in Go (internal/address) and Python (django_sespan._internal.address) alone. No
-- identifier is folded by the database's locale, in which an I may become a dotless
-- i; COLLATE "C" says so wherever something is folded.

-- The last blank is the vertical tab: PostgreSQL 15 reads \v as the letter v.
CREATE FUNCTION sespan.address_key(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pg_catalog.btrim(address, E' \t\r\n\f\x0B') ~ '^[ -~]+@([!-,/-?A-~-]+\.)*[!-,/-?A-~-]+$' COLLATE "C"
    THEN pg_catalog.lower(pg_catalog.btrim(address, E' \t\r\n\f\x0B') COLLATE "C") END;
COMMENT ON FUNCTION sespan.address_key(text) IS
    'The key by which addresses compare: in lower case, without blanks around it. NULL for what is no address, and for one beyond ASCII, whose key SQL cannot make';

CREATE FUNCTION sespan.address_domain(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.lower(pg_catalog.substring(address, '[^@]*$') COLLATE "C");
COMMENT ON FUNCTION sespan.address_domain(text) IS 'The domain of an address; its ASCII letters in lower case';

-- Not reversible by reading, but whoever has an address can tell whether it is this one.
CREATE FUNCTION sespan.address_erased(address_key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'erased:' || pg_catalog.encode(pg_catalog.substr(pg_catalog.sha256(pg_catalog.convert_to('address:' || address_key, 'UTF8')), 1, 16), 'hex');
COMMENT ON FUNCTION sespan.address_erased(text) IS
    'What stands for an address key after an erasure (customer_erase): erased: and the first 16 bytes of a SHA-256 of it, so that a suppression goes on without the address';

-- For functions of people and sites: what has no key here is refused with the way out.
CREATE FUNCTION sespan.address_key_checked(address text, address_key text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text := coalesce(address_key_checked.address_key, sespan.address_key(address));
BEGIN
    IF octet_length(key) <= 320 AND key ~ '^[^@[:space:][:cntrl:]<>,]+@[^@[:space:][:cntrl:]<>,]+$' THEN
        RETURN key;
    ELSIF address ~ '[^\x01-\x7f]' COLLATE "C" THEN
        RAISE EXCEPTION 'address: % is beyond ASCII, and SQL cannot compare it', quote_literal(left(address, 100)) USING ERRCODE = 'SP003',
            HINT = 'Write the domain in its ASCII form (xn--…), or give address_key, the key of an address whose part before the @ is beyond ASCII. sespan mail and the pages of the site''s admin take it as it is.';
    END IF;
    RAISE EXCEPTION 'address: is not a bare e-mail address' USING ERRCODE = 'SP003', HINT = 'Correct the parameter address.';
END
$$;
COMMENT ON FUNCTION sespan.address_key_checked(text, text) IS
    'The key of an address, made here or given beside it; SP003 for what has none, which says what to do about an address beyond ASCII';

---- create above / drop below ----

DROP FUNCTION sespan.address_key_checked(text, text), sespan.address_erased(text), sespan.address_domain(text), sespan.address_key(text);
