"""The same pages for an address that already has an account.

Whoever registers a known address must not learn that it is known. The visitor gets the
code page; every code is "incorrect" with the same counts and waits as a real challenge.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from django_sespan import errors
from django_sespan.flows.pending import Pending

GUESSES = 5
RESEND_SECONDS = 60
LIFE = timedelta(minutes=10)
LOCK_SECONDS = 3600


def mask(email: str) -> str:
    """Show an address as Sespan does: the first letter and the domain."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}"


def send(pending: Pending) -> None:
    """Behave as a sent code does."""
    now = timezone.now()
    if (wait := pending.resend_in()) > 0:
        raise errors.OTPTooSoon("too soon", retry_after=wait)
    pending.valid_until = (now + LIFE).isoformat()
    pending.resend_after = (now + timedelta(seconds=RESEND_SECONDS)).isoformat()


def verify(pending: Pending) -> None:
    """Refuse as a wrong guess is refused."""
    left = GUESSES if pending.attempts_left is None else pending.attempts_left
    left = max(0, left - 1)
    pending.attempts_left = left
    if left == 0:
        raise errors.OTPLocked("locked", retry_after=LOCK_SECONDS)
    raise errors.OTPIncorrect("incorrect", members={"attempts_left": left})
