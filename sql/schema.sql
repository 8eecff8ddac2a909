-- For sqlc, which reads this before the migrations. The program makes the schema
-- itself, only where there is none: even IF NOT EXISTS asks for the right to make
-- schemas, which a login does not need when a DBA made this one for it.
CREATE SCHEMA IF NOT EXISTS sespan;
