-- The calls of people: `sespan mail` with the person's own login. Rows come as one
-- JSON list whose members are the columns. What they lock stands at the functions.

-- name: MailStatusList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_status() r;

-- name: MailWhyList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_why(@message_id::bigint) r;

-- name: MailRetryList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_retry(@ids::bigint[], @actor::text) r;

-- name: MailCancelList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_cancel(@ids::bigint[], @actor::text) r;

-- name: MailPauseList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_pause(@what::text, @actor::text) r;

-- name: MailResumeList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_resume(@what::text, @actor::text) r;

-- name: MailPausedList :one
SELECT coalesce(json_agg(r ORDER BY r.since), '[]')::json AS rows FROM sespan.mail_pause r;

-- name: MailPreviewList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows
FROM (SELECT p.message_id, p.created_at, p.category, p.sender, p.reply_to, p.to_addresses, p.cc_addresses, p.subject, p.body_text, p.body_html,
             p.headers, p.attachments, encode(p.raw, 'escape') AS raw, p.reason, p.facts
      FROM sespan.mail_preview(@message_id::bigint, @actor::text) p) r;

-- name: MailFindList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows
FROM sespan.mail_find(nullif(@state::text, ''), nullif(@category::text, ''), nullif(@recipient::text, ''), @before::bigint, @portion::int) r;

-- name: MailStuckList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM (SELECT * FROM sespan.mail_stuck s LIMIT @portion::int) r;

-- name: MailThroughputList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_throughput r;

-- name: MailDeadList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows
FROM (SELECT * FROM sespan.mail_dead d
      WHERE (@category::text = '' OR d.category = @category::text)
      ORDER BY d.finished_at DESC LIMIT @portion::int) r;

-- name: MailAuditList :one
-- By the index on at, from its end.
SELECT coalesce(json_agg(r), '[]')::json AS rows
FROM (SELECT a.audit_id, a.at, a.actor, a.login, a.action, a.ids, coalesce(a.detail, a.subject_id) AS detail FROM sespan.audit a
      WHERE a.subject IN ('mail', 'pause', 'address') ORDER BY a.at DESC, a.audit_id DESC LIMIT @portion::int) r;

-- name: MailSuppressList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows
FROM sespan.mail_suppress(@address::text, @scope::text, nullif(@detail::text, ''), sqlc.narg(expires_at)::timestamptz, @actor::text, nullif(@address_key::text, '')) r;

-- name: MailUnsuppressList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows FROM sespan.mail_unsuppress(@address::text, @actor::text, nullif(@address_key::text, '')) r;

-- name: MailSuppressedList :one
SELECT coalesce(json_agg(r), '[]')::json AS rows
FROM (SELECT * FROM sespan.mail_suppression s
      WHERE @address_key::text = '' OR s.address = @address_key::text
      ORDER BY s.created_at DESC LIMIT @portion::int) r;
