"""Mails of the last resort: those of `mail_admins`, `mail_managers` and `AdminEmailHandler`.

They tell of a failure, so that they never make another one: whatever keeps such a mail out of
the queue becomes a line on stderr, the signal `mail_failed` and a count, not an exception out
of `logger.error()`.

Nothing that Django hands to a backend tells them from a customer's mail: on 5.2 the handler
passes a connection with `fail_silently`, on 6.1 with MAILERS neither, `mail_admins` on both
what it was given. Addresses and subject are settings that other mails may share. But a backend
runs below the function that sends, in the same thread: the three are found on the stack, by
their code, and so are subclasses of the handler, whichever way they send.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from django.core import mail
from django.db import connections, transaction
from django.utils.log import AdminEmailHandler

_CODES = frozenset(
    id(inspect.unwrap(function).__code__)  # 6.1 wraps two of them
    for function in (mail.mail_admins, mail.mail_managers, AdminEmailHandler.emit)
)
_reporting: ContextVar[bool] = ContextVar("sespan_last_resort_reporting", default=False)


def under_way() -> bool:
    """Whether one of the three is what called, however far up."""
    frame = inspect.currentframe()
    while frame is not None:
        if id(frame.f_code) in _CODES:
            return True
        frame = frame.f_back
    return False


def say(reason: object) -> None:
    """Write a line on stderr, wherever that goes; not into the log, which may be mailed."""
    with suppress(Exception):
        print(f"sespan: a mail to the site's admins is lost: {reason}", file=sys.stderr)  # noqa: T201


@contextmanager
def reporting() -> Iterator[bool]:
    """Yield whether nothing is being reported yet: what listens may log, and mail, an error."""
    first = not _reporting.get()
    token = _reporting.set(True)
    try:
        yield first
    finally:
        _reporting.reset(token)


class Losses:
    """Counts in the database, where the metric `sespan_mail_lost_total` comes from.

    The transaction around may be broken, or the database away: then they wait in this
    process for the next mail of the last resort.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    def add(self, mails: int) -> None:
        """Note that so many are lost."""
        with self._lock:
            self._waiting += mails

    def settle(self, using: str) -> None:
        """Count those that wait, in a savepoint of their own."""
        with self._lock:
            mails, self._waiting = self._waiting, 0
        if not mails:
            return
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                cursor.execute("SELECT sespan.mail_count_lost(%s::int)", [mails])
        except Exception:  # noqa: BLE001  # it is for the next one
            self.add(mails)


losses = Losses()
