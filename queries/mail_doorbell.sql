-- name: MailTriggerEnabled :one
-- Whether inserts can notify at all: the trigger is there and not disabled.
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t
               WHERE t.tgrelid = 'sespan.mail_queue'::regclass AND t.tgname = 'mail_doorbell_ring' AND t.tgenabled IN ('O', 'A')) AS enabled;

-- name: MailSuppressNotify :exec
-- Inserts do not notify for these seconds.
SELECT sespan.mail_suppress_notify(@seconds::int);

-- name: MailAllowNotify :one
-- Inserts notify again; then counts the transactions that may not know it yet.
SELECT sespan.mail_allow_notify()::int AS inserters;

-- name: MailOpenInserters :one
-- Counts them again, for a worker that wants to sleep.
SELECT sespan.mail_open_inserters()::int AS inserters;

-- name: MailNotify :exec
-- Wakes the workers that sleep.
SELECT sespan.mail_notify();

-- name: MailCanary :exec
-- A notification that the listener sends to itself.
SELECT pg_notify(@channel::text, @payload::text);
