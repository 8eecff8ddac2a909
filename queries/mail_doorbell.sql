-- name: MailTriggerEnabled :one
-- Whether inserts can ring at all: the trigger is there and not disabled.
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t
               WHERE t.tgrelid = 'sespan.mail_queue'::regclass AND t.tgname = 'mail_ring' AND t.tgenabled IN ('O', 'A')) AS enabled;

-- name: MailAwake :exec
-- Raises the flag of the doorbell: inserts stay silent for these seconds.
SELECT sespan.mail_awake(@seconds::int);

-- name: MailDoze :one
-- Lowers the flag, then looks for transactions that may have seen it up.
SELECT sespan.mail_doze()::int AS others;

-- name: MailOthers :one
-- Looks again, for a worker that dozes.
SELECT sespan.mail_others()::int AS others;

-- name: MailBell :exec
-- Wakes the workers that sleep.
SELECT sespan.mail_bell();

-- name: MailCanary :exec
-- A notification that the listener sends to itself.
SELECT pg_notify(@channel::text, @payload::text);
