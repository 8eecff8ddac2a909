-- Runs as the login that sets the database up, which needs CREATEROLE.
-- name: DatabaseLoginEnsure :one
SELECT sespan.login_ensure(@login::text, @verifier::text, @service_group::text)::boolean AS made;

-- The GRANTs of groups that a login lacks; an unknown login is an error (42704).
-- name: DatabaseLoginGrants :many
SELECT pg_catalog.format('GRANT %I TO %I', g.role_name, @login::text)::text AS statement
FROM unnest(@groups::text[]) AS g (role_name)
WHERE NOT pg_catalog.pg_has_role(CAST(@login AS name), CAST(g.role_name AS name), 'MEMBER');

-- name: DatabaseLoginExists :one
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = @login::text)::boolean AS found;
