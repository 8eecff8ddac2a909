-- name: InstallationGet :one
SELECT i.role_prefix, i.roles FROM sespan.installation i;

-- Where no table says it, the owner's name does: roles were applied before.
-- name: InstallationOwnerPrefix :one
SELECT COALESCE((
    SELECT p.prefix FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    CROSS JOIN LATERAL (SELECT pg_catalog.regexp_replace(r.rolname, 'owner$', '') AS prefix) AS p
    WHERE n.nspname = 'sespan' AND r.rolname <> p.prefix
      AND EXISTS (SELECT FROM pg_catalog.pg_roles s WHERE s.rolname = p.prefix || 'service')), '')::text AS prefix;

-- name: InstallationSettle :exec
INSERT INTO sespan.installation AS i (role_prefix, roles) VALUES (@role_prefix::text, @roles::boolean)
ON CONFLICT (installation_id) DO UPDATE SET role_prefix = excluded.role_prefix, roles = excluded.roles
WHERE (i.role_prefix, i.roles) IS DISTINCT FROM (excluded.role_prefix, excluded.roles);

-- The bound table, or the one that was bound before unbind.
-- name: InstallationCustomers :one
SELECT c.table_schema::text AS table_schema, c.table_name::text AS table_name, c.columns::jsonb AS columns, c.bound::boolean AS bound FROM (
    SELECT b.table_schema, b.table_name, b.columns, true AS bound FROM sespan.customer_binding b
    UNION ALL
    SELECT i.customer_schema, i.customer_table, i.customer_columns, false FROM sespan.installation i WHERE i.customer_table IS NOT NULL
) AS c ORDER BY c.bound DESC LIMIT 1;

-- Roles that are there already, and who has to do with them: a login is no group, a
-- group of ours carries our comment, and one that objects of another database depend
-- on is an installation's there.
-- name: InstallationRoles :many
SELECT r.rolname::text AS name, (r.rolcanlogin OR r.rolsuper)::boolean AS is_login,
    COALESCE(pg_catalog.shobj_description(r.oid, 'pg_authid') LIKE 'Sespan: %', false)::boolean AS is_ours,
    ARRAY(SELECT m.rolname::text FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles m ON m.oid = a.member
          WHERE a.roleid = r.oid AND m.rolname <> current_user ORDER BY 1)::text[] AS members,
    ARRAY(SELECT DISTINCT d.datname::text FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
          WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND d.datname <> pg_catalog.current_database() ORDER BY 1)::text[] AS databases
FROM pg_catalog.pg_roles r WHERE r.rolname = ANY (@names::text[]) ORDER BY 1;

-- name: InstallationMayMakeRoles :one
SELECT (r.rolsuper OR r.rolcreaterole)::boolean AS may FROM pg_catalog.pg_roles r WHERE r.rolname = current_user;

-- What has a right here, or owns something, and is not of this installation.
-- "other": a group of another installation. Grouped, as a person wants to read it.
-- name: InstallationOutsiders :many
WITH own AS (
    SELECT i.role_prefix || e.ending AS name, e.ending FROM sespan.installation i
    CROSS JOIN unnest(ARRAY['owner', 'service', 'producer', 'reader', 'reader_detail', 'admin']) AS e (ending)
), rights AS (
    SELECT r.object, r.grantee::text AS who, r.privilege::text AS what FROM sespan.schema_right r
    WHERE r.grantee IS NOT NULL AND r.grantee <> r.owner AND r.grantee NOT IN (SELECT o.name FROM own o)
    UNION ALL
    SELECT DISTINCT r.object, r.owner::text, 'owner' FROM sespan.schema_right r WHERE r.owner <> (SELECT o.name FROM own o WHERE o.ending = 'owner')
        AND r.object NOT LIKE 'ROUTINE sespan.customer\_update(%' -- of the owner of the bound table
)
SELECT r.who::text AS who, (r.what = 'owner')::boolean AS owns,
    EXISTS (SELECT FROM pg_catalog.pg_roles p
            WHERE p.rolname = pg_catalog.regexp_replace(r.who, '(owner|service|producer|reader|reader_detail|admin)$', '') || 'owner'
              AND r.who ~ '(owner|service|producer|reader|reader_detail|admin)$')::boolean AS other,
    count(DISTINCT r.object)::bigint AS objects, min(r.object)::text AS first_object,
    string_agg(DISTINCT r.what, ', ' ORDER BY r.what)::text AS rights
FROM rights r GROUP BY 1, 2, 3 ORDER BY 2 DESC, 1;

-- Locks: see the function. Its callers have the owner's rights.
-- name: InstallationRenew :one
SELECT r.challenges::bigint AS challenges, r.mails_held::bigint AS mails_held, r.mails_cancelled::bigint AS mails_cancelled
FROM sespan.installation_renew(@cancel_mails::boolean) AS r;
