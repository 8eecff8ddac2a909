-- The foreign keys from our tables to the bound one.

-- A foreign key comes in two steps, so that the site's table is locked against
-- writers only for a moment and never while rows are compared.
CREATE FUNCTION sespan.customer_reference(relation oid, key_name text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c record;
    present record;
    answer text := 'none';
BEGIN
    FOR c IN SELECT * FROM sespan.customer_children() LOOP
        SELECT confrelid, convalidated INTO present FROM pg_constraint WHERE conrelid = c.child AND conname = c.fkey;
        IF present.confrelid = relation AND present.convalidated THEN
            answer := CASE answer WHEN 'none' THEN 'valid' ELSE answer END;
            CONTINUE;
        END IF;
        answer := 'added';
        CONTINUE WHEN present.confrelid = relation;
        IF present.confrelid IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.child, c.fkey);
        END IF;
        EXECUTE (SELECT format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (customer_id) REFERENCES %I.%I (%I) ON DELETE CASCADE NOT VALID',
                               c.child, c.fkey, n.nspname, t.relname, key_name)
                 FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace WHERE t.oid = relation);
    END LOOP;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION sespan.customer_reference(oid, text) IS
    'Adds the foreign keys to the customers, not yet validated: none (no table needs one), added, or valid (they were there, nothing was locked)';

-- Rows of customers who are gone would have gone with them: they are deleted
-- where they stand in the way. Returns how many. A customer whom row-level security
-- hides is not gone: row_security = off makes an error of what it would hide.
CREATE FUNCTION sespan.customer_reference_validate() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    c record;
    n bigint;
    orphans bigint := 0;
BEGIN
    FOR c IN SELECT * FROM sespan.customer_children() LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.child, c.fkey);
        EXCEPTION WHEN foreign_key_violation THEN
            EXECUTE format('DELETE FROM %s AS o WHERE o.customer_id IS NOT NULL AND NOT EXISTS (SELECT FROM sespan.customer_by_id(o.customer_id))', c.child);
            GET DIAGNOSTICS n = ROW_COUNT;
            orphans := orphans + n;
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.child, c.fkey);
        END;
    END LOOP;
    RETURN orphans;
END
$$;
COMMENT ON FUNCTION sespan.customer_reference_validate() IS
    'Validates the foreign keys to the customers after deleting rows of customers that no longer exist; returns how many those were. Takes SHARE UPDATE EXCLUSIVE on our tables and ROW SHARE on the bound one';

---- create above / drop below ----

DROP FUNCTION sespan.customer_reference_validate();
DROP FUNCTION sespan.customer_reference(oid, text);
