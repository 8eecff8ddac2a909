-- Runs at the end of each migration, in its transaction. Again after a migration
-- without one that was cut short.
INSERT INTO sespan.schema_migration (version, file, sha256) VALUES (:version, ':file', ':sha256')
ON CONFLICT (version) DO UPDATE SET file = excluded.file, sha256 = excluded.sha256, applied_at = now();
-- Whatever this migration made, default privileges may have opened to others. The known
-- objects are those that were there when it began (SchemaRemember).
SELECT sespan.schema_revoke_given(pg_catalog.string_to_array(pg_catalog.current_setting('sespan.known_objects'), ' '), true);
