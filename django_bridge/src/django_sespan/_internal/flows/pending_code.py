"""What a session remembers between asking for a code and entering it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from django_sespan._internal.responses import Challenge

SESSION_KEY = "sespan_pending"
REGISTRATION = "registration"


@dataclass
class Pending:
    """A code that this session waits for. Holds no secret.

    Four kinds, which the visitor cannot tell apart:

    - `registered`: this session gave the password of the account `customer_id`;
    - not `registered`, with a `customer_id`: the address belongs to an account that waits
      for no code. Sespan knows, tells the owner, and no code fits;
    - `code_first`: there is no account yet, the challenge holds the form;
    - none of these: Sespan could not be asked safely, `flows.decoy` answers in its stead.
    """

    purpose: str
    email: str  # as shown: masked
    subject: str = ""  # tells two registrations of one browser apart
    customer_id: str | None = None
    challenge_id: str | None = None
    new_customer: bool = False  # the database could not be told, so the service is
    registered: bool = False
    stamp: str = ""  # of the password that this session gave
    resume: bool = False  # take a code that is under way
    code_first: bool = False
    address: str = ""  # of a code that comes first
    register_url: str = ""
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

    def wait(self, seconds: int | None) -> None:
        """Remember how long Sespan asks to wait, by this server's own clock."""
        if seconds:
            self.resend_after = (timezone.now() + timedelta(seconds=seconds)).isoformat()

    @property
    def is_decoy(self) -> bool:
        """Whether `flows.decoy` answers."""
        return self.customer_id is None and not self.code_first

    def is_of(self, user: AbstractBaseUser) -> bool:
        """Whether the account still has the password that this session gave."""
        return bool(self.stamp) and constant_time_compare(self.stamp, stamp(user.password))

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
            "register_url": self.register_url,
        }


def stamp(password_hash: str) -> str:
    """Tell this password of this account from any later one, without giving it away."""
    return salted_hmac("django_sespan.stamp", password_hash, algorithm="sha256").hexdigest()


def subject(email: str) -> str:
    """Name an address in a hidden field of the code form."""
    return salted_hmac("django_sespan.subject", email.lower(), algorithm="sha256").hexdigest()[:16]


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
