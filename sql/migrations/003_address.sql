-- Addresses: the one to write to, and the key by which addresses compare.

CREATE FUNCTION sespan.address_key(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN address ~ '[^[:ascii:]]' COLLATE "C" THEN NULL ELSE pg_catalog.lower(address COLLATE "C") END;
COMMENT ON FUNCTION sespan.address_key(text) IS 'The key by which addresses compare; NULL beyond ASCII';

---- create above / drop below ----

DROP FUNCTION sespan.address_key(text);
