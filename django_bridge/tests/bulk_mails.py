"""As many mails as asked for, over a month, made by SQL: most sent, some that need a look.

Each day has as many, today at any time of the day too: how full a partition is decides how
PostgreSQL reads it.
"""

from __future__ import annotations

from django.db import connection, transaction

DAYS = 31

MADE = """
LATERAL (SELECT date_trunc('day', now()) AS today,
    (g - 1) * %(days)s / %(all)s - %(days)s + 1 AS day,
    ((g - 1) * %(days)s %% %(all)s)::float8 / %(all)s AS part) d,
LATERAL (SELECT today + day * interval '1 day'
    + part * CASE day WHEN 0 THEN now() - today ELSE interval '1 day' END AS t) s
"""
"""When mail `g` was made: after `part` of its day, which ends now if it is today."""

MESSAGES = (
    """
INSERT INTO sespan.mail_message (message_id, created_at, category, sender, to_addresses, subject,
    body_text, size_bytes, recipients, pending, sent, dead, finished_at, wiped_at)
SELECT g, t,
    CASE WHEN g %% 1000 = 17 THEN 'rare' WHEN g %% 3 = 0 THEN 'newsletter' ELSE 'order' END,
    'Shop <shop@example.com>', ARRAY['person' || g || '@example.com'], 'Your order ' || g, NULL,
    1200, 1, (g > %(all)s - %(live)s)::int, (g <= %(all)s - %(live)s AND g %% 500 <> 3)::int,
    (g <= %(all)s - %(live)s AND g %% 500 = 3)::int,
    CASE WHEN g <= %(all)s - %(live)s THEN t + interval '1 second' END,
    CASE WHEN g <= %(all)s - %(live)s THEN t + interval '1 second' END
FROM generate_series(1, %(all)s) g,
"""
    + MADE
)

OUTCOMES = (
    """
INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts,
    code, recipient, reason, reply, relay)
SELECT g * 1024, g, t, t + interval '1 second', CASE WHEN g %% 500 = 3 THEN 'dead' ELSE 'sent' END,
    1, 250, 'person' || g || '@example.com', CASE WHEN g %% 500 = 3 THEN 'refused' END,
    'queued as 4X' || g, 'mail.example.com:587'
FROM generate_series(1, %(all)s - %(live)s) g,
"""
    + MADE
)

QUEUE = (
    """
INSERT INTO sespan.mail_queue (queue_id, message_id, created_at, due_at, size_bytes, priority,
    attempts, state, recipient, last_reason, last_code, tried_at)
SELECT g * 1024, g, t, t, 1200, 5, (g %% 2)::int,
    CASE WHEN g %% 2 = 1 THEN 'retry' ELSE 'queued' END,
    'person' || g || '@example.com', CASE WHEN g %% 2 = 1 THEN 'greylisted' END,
    CASE WHEN g %% 2 = 1 THEN 451 END, CASE WHEN g %% 2 = 1 THEN t END
FROM generate_series(%(all)s - %(live)s + 1, %(all)s) g,
"""
    + MADE
)


SUMMARIES = """
SELECT brin_summarize_new_values(c.oid::regclass) FROM pg_class c
JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
WHERE c.relkind = 'i' AND c.relnamespace = 'sespan'::regnamespace
"""
"""What autovacuum does in time."""


def fill(mails: int, live: int) -> None:
    """Make `mails` mails in day partitions; the newest `live` of them still wait."""
    values = {"all": mails, "live": live, "days": DAYS}
    with transaction.atomic(), connection.cursor() as cursor:  # one now() for all
        for table in ("mail_message", "mail_outcome"):
            cursor.execute(
                "SELECT sespan.partition_make(%s::regclass, d::date)"
                " FROM generate_series(now() - interval '31 days', now() - interval '1 day',"
                " interval '1 day') d",
                [f"sespan.{table}"],
            )
        for sql in (MESSAGES, OUTCOMES, QUEUE):
            cursor.execute(sql, values)
        cursor.execute("SELECT setval('sespan.mail_message_id_seq', %s)", [mails])
        cursor.execute(SUMMARIES)
        for table in ("mail_message", "mail_outcome", "mail_queue"):
            cursor.execute(f"ANALYZE sespan.{table}")
