"""What a session remembers between asking for a code and entering it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from django_sespan.answers import Challenge

SESSION_KEY = "sespan_pending"


@dataclass
class Pending:
    """A code that this session waits for. Holds no secret.

    `customer_id` is None for an address that already has an account: the visitor sees
    the same pages, but nothing was created and no code fits.
    """

    purpose: str
    email: str  # as shown: masked
    customer_id: str | None = None
    challenge_id: str | None = None
    new_customer: bool = False
    registered: bool = False  # this session gave the registration's password
    valid_until: str | None = None
    resend_after: str | None = None
    attempts_left: int | None = None
    next_url: str = ""
    notice: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> Pending | None:
        """Give what the session holds, None when that is nothing or not readable any more."""
        stored = request.session.get(SESSION_KEY)
        if not isinstance(stored, dict):
            return None
        try:
            return cls(**stored)
        except TypeError:
            return None  # written by another version

    def store(self, request: HttpRequest) -> None:
        """Write it into the session."""
        request.session[SESSION_KEY] = asdict(self)

    @staticmethod
    def forget(request: HttpRequest) -> None:
        """Take it out of the session."""
        request.session.pop(SESSION_KEY, None)

    def take(self, challenge: Challenge) -> None:
        """Remember the challenge that Sespan answered with."""
        if challenge.challenge_id != self.challenge_id:
            self.attempts_left = None
        self.challenge_id = challenge.challenge_id
        self.email = challenge.email
        self.valid_until = challenge.valid_until.isoformat()
        self.resend_after = challenge.resend_after.isoformat()

    @property
    def is_decoy(self) -> bool:
        """Whether no account waits for this code."""
        return self.customer_id is None

    def resend_in(self) -> int:
        """Seconds until a new code may be asked for."""
        when = _time(self.resend_after)
        return max(0, round((when - timezone.now()).total_seconds())) if when else 0

    def context(self) -> dict[str, Any]:
        """Give what the code page shows."""
        return {
            "email": self.email,
            "attempts_left": self.attempts_left,
            "resend_in": self.resend_in(),
            "valid_until": _time(self.valid_until),
            "purpose": self.purpose,
        }


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
