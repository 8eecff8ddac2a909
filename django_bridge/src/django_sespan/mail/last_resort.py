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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from django.core import mail
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
