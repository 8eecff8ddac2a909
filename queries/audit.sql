-- name: AuditAs :exec
-- Says who is at work, for this transaction; no locks.
SELECT sespan.audit_as(nullif(@actor::text, ''), nullif(@actor_id::text, ''), nullif(@way::text, ''), sqlc.narg(address)::inet);

-- name: AuditAdd :exec
-- One row; no locks that anybody waits for.
SELECT sespan.audit_add(@action::text, @subject::text, nullif(@subject_id::text, ''), detail => nullif(@detail::text, ''));

-- name: AuditSweep :one
-- Old rows of the audit, by the index on at. Locks these rows, skipping locked ones.
SELECT sespan.audit_sweep(@days::int, @portion::int)::int AS swept;
