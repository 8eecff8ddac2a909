DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT g.tgrelid::regclass AS of, g.tgname AS name FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
        WHERE p.pronamespace = 'sespan'::regnamespace AND p.proname LIKE 'stats\_%' AND g.tgparentid = 0
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s DISABLE TRIGGER %I', t.of, t.name);
    END LOOP;
END
$$
