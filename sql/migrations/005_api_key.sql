-- Service keys: who may call the API from a server or a script.

CREATE TABLE sespan.api_key (
    key_id text PRIMARY KEY CONSTRAINT api_key_id_check CHECK (key_id ~ '^[a-z0-9]{12}$'),
    -- SHA-256 without salt or stretching: the secret has 256 random bits, so nobody
    -- guesses it from its hash, and a slow hash would only burden every call.
    secret_hash bytea NOT NULL CONSTRAINT api_key_secret_hash_check CHECK (octet_length(secret_hash) = 32),
    role text NOT NULL CONSTRAINT api_key_role_check CHECK (role IN ('service', 'report', 'dashboard', 'admin')),
    name text NOT NULL CONSTRAINT api_key_name_check CHECK (char_length(name) BETWEEN 1 AND 100),
    owner_id text CONSTRAINT api_key_owner_id_check CHECK (char_length(owner_id) BETWEEN 1 AND 200),
    owner_name text CONSTRAINT api_key_owner_name_check CHECK (owner_name IS NULL OR char_length(owner_name) BETWEEN 1 AND 200 AND owner_id IS NOT NULL),
    replaces text CONSTRAINT api_key_replaces_key UNIQUE CONSTRAINT api_key_replaces_fkey REFERENCES sespan.api_key,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz CONSTRAINT api_key_expires_at_check CHECK (expires_at > created_at),
    revoked_at timestamptz,
    last_used_at timestamptz,
    -- A person's key is never the service, which may do what no person may.
    CONSTRAINT api_key_owner_role_check CHECK (owner_id IS NULL OR role IN ('report', 'dashboard', 'admin'))
);
CREATE INDEX api_key_owner_id_idx ON sespan.api_key (owner_id) WHERE owner_id IS NOT NULL;
COMMENT ON TABLE sespan.api_key IS 'Service keys (Authorization: Bearer sk_<key_id>_<secret>); rows stay after a revoke';
COMMENT ON COLUMN sespan.api_key.key_id IS 'The public part of the key; stands in logs';
COMMENT ON COLUMN sespan.api_key.secret_hash IS 'SHA-256 of the 43 characters of the secret';
COMMENT ON COLUMN sespan.api_key.role IS 'service, report, dashboard or admin';
COMMENT ON COLUMN sespan.api_key.name IS 'Who uses the key, for people';
COMMENT ON COLUMN sespan.api_key.owner_id IS 'The person of the site whose key it is: primary key of the user, as text; NULL for a machine''s. It ends with the person''s right to its role';
COMMENT ON COLUMN sespan.api_key.owner_name IS 'That person''s username when the key was made';
COMMENT ON COLUMN sespan.api_key.replaces IS 'The key that this one was made for in its place, by rotation; NULL for none';
COMMENT ON COLUMN sespan.api_key.created_at IS 'When the key was made';
COMMENT ON COLUMN sespan.api_key.expires_at IS 'From when the key is refused; NULL for never';
COMMENT ON COLUMN sespan.api_key.revoked_at IS 'When the key was revoked; it is refused within seconds of that; NULL for not';
COMMENT ON COLUMN sespan.api_key.last_used_at IS 'Latest known use, written at most once a minute; NULL for never';

---- create above / drop below ----

DROP TABLE sespan.api_key;
