"""The same pages for an address that already has an account.

Whoever registers a known address must not learn that it is known. The visitor gets the
code page; every code is "incorrect" with the same counts and waits as a real challenge.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NoReturn

from django_sespan import errors
from django_sespan._internal.flows.pending_code import PendingCode

GUESSES = 5
RESEND_SECONDS = 60
LIFE = timedelta(minutes=10)


def send(pending: PendingCode) -> None:
    """Behave as after a sent code."""
    now = datetime.now(UTC)
    if (wait := pending.resend_in()) > 0:
        raise errors.OTPTooSoon("too soon", retry_after=wait)
    if pending.attempts_left == 0:
        pending.attempts_left = None  # a locked challenge is followed by a new one
    pending.valid_until = (now + LIFE).isoformat()
    pending.delay_resend(RESEND_SECONDS)


def verify(pending: PendingCode) -> NoReturn:
    """Refuse as a wrong guess is refused."""
    left = GUESSES if pending.attempts_left is None else pending.attempts_left
    if left == 0:
        raise errors.OTPLocked("locked", retry_after=max(1, pending.resend_in()))
    raise errors.OTPIncorrect("incorrect", members={"attempts_left": left - 1})
