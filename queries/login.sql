-- Runs as the login that sets the database up, which needs CREATEROLE.
-- name: LoginEnsure :one
SELECT sespan.login_ensure(@login::text, @verifier::text, @service_group::text)::boolean AS made;
