-- The installation: what belongs to this schema and to no other on the server. Roles are
-- the server's, so which of them are ours stands here, and every command takes it from here.

-- A command that was cut short leaves "roles" NULL: then the next one may still decide.
CREATE TABLE sespan.installation (
    installation_id  smallint    PRIMARY KEY DEFAULT 1 CONSTRAINT installation_is_single CHECK (installation_id = 1),
    role_prefix      text        NOT NULL CONSTRAINT installation_role_prefix CHECK (role_prefix COLLATE "C" ~ '^[a-z_][a-z0-9_]{0,39}$' AND role_prefix COLLATE "C" !~ '^pg_'),
    roles            boolean,
    customer_schema  text,
    customer_table   text,
    customer_columns jsonb,
    installation_uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    broker_prefix    text CONSTRAINT installation_broker_prefix CHECK (length(broker_prefix) <= 60 AND broker_prefix COLLATE "C" ~ '^[a-z0-9]+([.-][a-z0-9]+)*$'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT installation_customers CHECK (num_nulls(customer_schema, customer_table, customer_columns) IN (0, 3))
);
COMMENT ON TABLE sespan.installation IS 'One row: what the commands of sespan take from the schema, so that nobody has to give it twice';
COMMENT ON COLUMN sespan.installation.installation_id IS 'Always 1';
COMMENT ON COLUMN sespan.installation.role_prefix IS 'What the names of its database roles begin with';
COMMENT ON COLUMN sespan.installation.roles IS 'Whether sespan makes the roles itself (true) or a DBA runs the SQL that it prints (false); NULL until one of the two has happened';
COMMENT ON COLUMN sespan.installation.customer_schema IS 'Schema of the table that was bound before unbind; NULL while none was unbound';
COMMENT ON COLUMN sespan.installation.customer_table IS 'Its name';
COMMENT ON COLUMN sespan.installation.customer_columns IS 'Its columns, as in customer_binding';
COMMENT ON COLUMN sespan.installation.installation_uuid IS 'Whose announcements a message broker carries; a restored copy gets another one (installation_renew)';
COMMENT ON COLUMN sespan.installation.broker_prefix IS 'What the names of queues and topics at the broker begin with; NULL until a broker is used';
COMMENT ON COLUMN sespan.installation.created_at IS 'When the schema was made';

CREATE FUNCTION sespan.installation_broker(wanted_prefix text, OUT installation_uuid uuid, OUT broker_prefix text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE sespan.installation i SET broker_prefix = coalesce(nullif(wanted_prefix, ''), 'sespan') WHERE i.broker_prefix IS NULL;
    SELECT i.installation_uuid, i.broker_prefix INTO installation_broker.installation_uuid, installation_broker.broker_prefix FROM sespan.installation i;
END
$$;
COMMENT ON FUNCTION sespan.installation_broker(text) IS
    'The installation as a message broker knows it: its uuid, and the prefix of its names there, which the first call sets';

---- create above / drop below ----

DROP FUNCTION sespan.installation_broker(text);
DROP TABLE sespan.installation;
