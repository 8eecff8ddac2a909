-- name: MailAnnounceMark :many
-- Locks the rows of the lanes in mail_announce, in order of priority, then the rows that it
-- marks, skipping locked ones; all until the end of this one statement.
SELECT a.lane::text AS lane, a.unclaimed::int AS unclaimed, a.oldest::float8 AS oldest, a.more::boolean AS more,
       a.announced_at::timestamptz AS announced_at, a.repeated::int AS repeated, a.queue_ids::bigint[] AS queue_ids,
       coalesce(a.head, '')::text AS head, a.unchanged::boolean AS unchanged
FROM sespan.mail_announce_mark(@max_unclaimed::int[], @batches::int[], @again_after::float8[], @again_batches::int[], @known_heads::text[], @sweeps::boolean[]) AS a;

-- name: MailAnnounceClear :one
-- Locks these rows of the queue, skipping locked ones.
SELECT sespan.mail_announce_clear(@queue_ids::bigint[], @announced_at::timestamptz[])::int AS cleared;

-- name: MailUnclaimed :many
-- Reads the announced rows only, at most a window for each lane.
SELECT u.lane::text AS lane, u.unclaimed::bigint AS unclaimed FROM sespan.mail_unclaimed() AS u;

-- name: MailFallback :one
-- Reads two rows of the queue for each lane, and the announcers' signs of life.
SELECT f.urgent::boolean AS urgent, f.others::boolean AS others, coalesce(f.reason, '')::text AS reason FROM sespan.mail_fallback() AS f;

-- name: InstallationBroker :one
-- Writes the prefix when there is none yet; locks the one row then.
SELECT i.installation_uuid::uuid AS installation_uuid, i.broker_prefix::text AS broker_prefix FROM sespan.installation_broker(@wanted_prefix::text) AS i;
