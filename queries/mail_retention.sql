-- name: MailRetire :one
-- Drops the oldest day of mails that is over. Locks for the last step, waiting at
-- most 50 ms: ACCESS EXCLUSIVE on the table, its default partition and the day.
SELECT r.outcome::text AS outcome, coalesce(r.day, '')::text AS day, r.moved::int AS moved FROM sespan.mail_retire(@after::text) AS r(outcome, day, moved);

-- name: MailSweep :one
-- Old rows of the default partitions. Locks these rows, skipping locked ones.
SELECT sespan.mail_sweep(@portion::int)::int AS swept;

-- name: MailAttachmentRelease :one
-- References of mails that are done. Locks these rows.
SELECT coalesce(r.after_sha256, '')::bytea AS after_sha256, coalesce(r.after_id, 0)::bigint AS after_id, r.released::int AS released
FROM sespan.mail_attachment_release(@after_sha256::bytea, @after_id::bigint, @portion::int) AS r(after_sha256, after_id, released);

-- name: MailAttachmentSweep :one
-- Files that no mail needs. Locks these rows, skipping locked ones.
SELECT r.looked::int AS looked, r.removed::int AS removed FROM sespan.mail_attachment_sweep(@portion::int) AS r(looked, removed);
