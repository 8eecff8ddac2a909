-- Runs at the end of the migration that makes the table, in its transaction.
INSERT INTO sespan.installation (role_prefix) VALUES (':role_prefix');
