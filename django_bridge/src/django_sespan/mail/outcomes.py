"""Tells the site which mails are finally sent, and which never will be.

The worker is another program, so the site asks: what has come to a final state since it was
last told. `finished_at` is the start of the transaction that wrote the state, which is seen a
moment later; so each question reaches back a minute, and what this process has told already is
left out. A process that begins anew may tell the last minute again: receivers get each final
state at least once. A final state that a person's transaction kept open for longer than the
minute is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connections

from django_sespan import signals
from django_sespan.conf import get_settings
from django_sespan.mail.backend import EmailBackend

OVERLAP = "1 minute"
PORTION = 500

BEGIN = """
INSERT INTO sespan.mail_signal (signalled_until)
VALUES (pg_catalog.clock_timestamp() - %s::interval) ON CONFLICT DO NOTHING
"""
WINDOW = """
SELECT signalled_until::text, (signalled_until - %s::interval)::text,
       pg_catalog.clock_timestamp()::text
FROM sespan.mail_signal
"""
FINISHED = """
SELECT o.queue_id, o.finished_at::text, pg_catalog.date_part('epoch', o.finished_at),
       o.message_id, o.recipient, o.state, o.attempts, o.reason, o.code, o.reply, m.category
FROM sespan.mail_outcome o
LEFT JOIN sespan.mail_message m ON m.message_id = o.message_id AND m.created_at = o.created_at
WHERE o.finished_at >= %s::timestamptz AND o.finished_at < %s::timestamptz
  AND (o.finished_at, o.queue_id) > (%s::timestamptz, %s)
ORDER BY o.finished_at, o.queue_id LIMIT %s
"""
ADVANCE = """
UPDATE sespan.mail_signal
SET signalled_until = %s::timestamptz, signalled_at = pg_catalog.clock_timestamp()
WHERE signalled_until = %s::timestamptz
"""


class ToldElsewhere(Exception):
    """Another process sends the signals too: what it was told is no news here."""


@dataclass(frozen=True)
class MailOutcome:
    """The final state of a mail to one recipient. `message_id` is the message's `sespan_id`."""

    message_id: int
    recipient: str
    state: str
    """`sent`, `dead`, `expired`, `suppressed` or `cancelled`."""
    finished_at: datetime
    attempts: int
    category: str | None
    reason: str | None
    """Why it is not sent, from a closed list."""
    code: int | None
    """The mail server's last code."""
    reply: str | None
    """The mail server's last words."""


class Outcomes:
    """The news since last time; one object lives as long as the process that asks."""

    def __init__(self) -> None:
        self._told: set[tuple[int, str]] = set()

    def tell(self, *, since: str = "0") -> int:
        """Send the signals of what is new and return how many; the first time from `since` on.

        `since` is an interval of PostgreSQL. Raises ToldElsewhere.
        """
        with connections[get_settings().database].cursor() as cursor:
            cursor.execute(BEGIN, [since])
            cursor.execute(WINDOW, [OVERLAP])
            before, start, end = cursor.fetchone()
        told = set()
        for key, outcome in _finished(start, end):
            if key not in self._told:
                signal = signals.mail_sent if outcome.state == "sent" else signals.mail_dead
                signals.send_signal(signal, sender=EmailBackend, outcome=outcome)
            told.add(key)
        count, self._told = len(told - self._told), told
        with connections[get_settings().database].cursor() as cursor:
            cursor.execute(ADVANCE, [end, before])
            if cursor.rowcount == 0:
                raise ToldElsewhere("another process sends the signals of mails, too")
        return count


def _finished(start: str, end: str) -> Iterator[tuple[tuple[int, str], MailOutcome]]:
    after: tuple[str, int] = (start, -1)
    while True:
        with connections[get_settings().database].cursor() as cursor:
            cursor.execute(FINISHED, [start, end, *after, PORTION])
            rows: list[Any] = cursor.fetchall()
        for row in rows:
            yield (row[0], row[1]), _outcome(row)
        if len(rows) < PORTION:
            return
        after = (rows[-1][1], rows[-1][0])


def _outcome(row: Any) -> MailOutcome:
    _, _, epoch, message_id, recipient, state, attempts, reason, code, reply, category = row
    return MailOutcome(
        message_id=message_id,
        recipient=recipient,
        state=state,
        finished_at=datetime.fromtimestamp(float(epoch), UTC),
        attempts=attempts,
        category=category,
        reason=reason,
        code=code,
        reply=reply,
    )
