"""What a session remembers between asking for a code and entering it, and whether it still may.

Since the session gave its password, a newer registration of the same address may have
replaced that password, or the owner may have reset it. The mailed code then belongs to
whoever knows the newer one: this session must neither ask for it, nor enter it, nor be
logged in by it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.accounts import with_key
from django_sespan._internal.address import key_or_text, mask
from django_sespan._internal.responses import Challenge
from django_sespan._internal.runtime import runtime

SESSION_KEY = "sespan_pending"
REGISTRATION, LOGIN = "registration", "login"


@dataclass
class PendingCode:
    """A code that this session waits for; it contains no secret.

    Of a registration four kinds, which the visitor cannot tell apart:

    - `registered`: this session gave the password of the account `customer_id`;
    - not `registered`, with a `customer_id`: the address belongs to an account that waits
      for no code. Sespan notifies the owner, and no code is correct;
    - `code_first`: there is no account yet, the challenge holds the form;
    - none of these: Sespan cannot be asked safely, `flows.decoy` answers instead.

    Of a login there is one: Sespan knows who has the `address`, this session does not.
    """

    purpose: str
    email: str  # as shown: masked
    subject: str = ""  # distinguishes two registrations of one browser
    customer_id: str | None = None
    challenge_id: str | None = None
    registered: bool = False
    password_fingerprint: str = ""  # of the password that this session gave
    known_browser: bool = False  # has verified the address before: it has budgets of its own
    resume: bool = False  # accept a code that was sent before
    code_first: bool = False
    address: str = ""  # as it was given
    register_url: str = ""
    valid_until: str | None = None
    resend_after: str | None = None
    resend_pause: int | None = None  # seconds from when that was said: never longer than this
    attempts_left: int | None = None
    next_url: str = ""
    notice: str = ""

    @classmethod
    def for_account(cls, email: str, user: AbstractBaseUser) -> PendingCode:
        """For a session that gave the password of an unverified account."""
        return cls(
            purpose=REGISTRATION,
            email=mask(email),
            subject=subject(email),
            customer_id=str(user.pk),
            registered=True,
            address=email,
            password_fingerprint=fingerprint(user.password),
        )

    @classmethod
    def for_known_address(
        cls, email: str, user: AbstractBaseUser, password_fingerprint: str = ""
    ) -> PendingCode:
        """For a session whose address has an account that waits for no code.

        Sespan is asked with that account's number, so that nothing in its answers or their time
        differs; it sends no code for it. Where that is not certain, `flows.decoy` answers.
        """
        pending = cls(
            purpose=REGISTRATION,
            email=mask(email),
            subject=subject(email),
            address=email,
            password_fingerprint=password_fingerprint,
        )
        if user.pk is None:
            return pending  # the address is taken, and no account is found
        if user.is_active or runtime.registrations.right(user) in {"ended", "none"}:
            pending.customer_id = str(user.pk)
        return pending

    @classmethod
    def before_account(cls, email: str, password_hash: str) -> PendingCode:
        """For a registration whose customer is created after the code."""
        return cls(
            purpose=REGISTRATION,
            email=mask(email),
            subject=subject(email),
            code_first=True,
            address=email,
            password_fingerprint=fingerprint(password_hash),
        )

    @classmethod
    def for_login(cls, email: str) -> PendingCode:
        """For a visitor who asks to log in by a code."""
        return cls(purpose=LOGIN, email=mask(email), subject=subject(email), address=email)

    @classmethod
    def from_session(cls, request: HttpRequest) -> PendingCode | None:
        """Return what the session holds, None when it holds nothing or another version's."""
        stored = request.session.get(SESSION_KEY)
        if not isinstance(stored, dict):
            return None
        try:
            return cls(**stored)
        except TypeError:
            return None  # another version's fields

    def store(self, request: HttpRequest) -> None:
        """Write it into the session."""
        request.session[SESSION_KEY] = asdict(self)

    def begin(self, request: HttpRequest) -> None:
        """Write it into the session under a new key: whoever planted the old one has nothing.

        The session of the old key stays as it was before this request, for the same form that is
        on its way a second time; it waits for no code.
        """
        self.store(request)
        if request.session.session_key is not None:
            kept = dict(request.session.items())
            request.session.create()
            request.session.update(kept)

    @staticmethod
    def remove(request: HttpRequest) -> None:
        """Take it out of the session."""
        request.session.pop(SESSION_KEY, None)

    def update(self, challenge: Challenge) -> None:
        """Remember the challenge that Sespan answered with."""
        if challenge.challenge_id != self.challenge_id:
            self.attempts_left = None
        self.challenge_id = challenge.challenge_id
        self.email = challenge.email
        self.valid_until = challenge.valid_until.isoformat()
        self.resend_after = challenge.resend_after.isoformat()
        self.resend_pause = _seconds_until(self.resend_after)

    def delay_resend(self, seconds: int | None) -> None:
        """Remember how long Sespan asks to wait, by this server's own clock."""
        if seconds:
            self.resend_after = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
            self.resend_pause = seconds

    @property
    def is_decoy(self) -> bool:
        """Whether `flows.decoy` answers."""
        return self.customer_id is None and not self.code_first and not self.is_login

    @property
    def is_login(self) -> bool:
        """Whether the code logs in somebody who has an account, without their password."""
        return self.purpose == LOGIN

    def has_password_of(self, user: AbstractBaseUser) -> bool:
        """Whether the account still has the password that this session gave."""
        own = self.password_fingerprint
        return bool(own) and constant_time_compare(own, fingerprint(user.password))

    def resend_in(self) -> int:
        """Seconds until a new code may be asked for, whatever became of this server's clock."""
        left = _seconds_until(self.resend_after)
        return left if self.resend_pause is None else min(left, self.resend_pause)

    def valid_for(self) -> int:
        """Seconds until the newest code ends."""
        return _seconds_until(self.valid_until)

    def context(self) -> dict[str, Any]:
        """Return what the code page shows: no clock times, whose zone would have to be told."""
        valid_for = self.valid_for()
        return {
            "email": self.email,
            "attempts_left": self.attempts_left,
            "resend_in": self.resend_in(),
            "sent": self.valid_until is not None,
            "resumed": self.resume,
            "valid_for": messages.wait(valid_for) if valid_for else "",
            "purpose": self.purpose,
            "register_url": self.register_url,
        }


def check_session(pending: PendingCode) -> AbstractBaseUser | None:
    """Return the account; raises RegistrationReplaced, or UnknownChallenge when it is gone.

    One query for every kind of session that has an account, so that the time reveals nothing.
    """
    if pending.customer_id is None:
        return None
    user = with_key(pending.customer_id)
    if not pending.registered:
        return user
    if user is None:
        raise errors.UnknownChallenge("the customer is gone")
    if not pending.has_password_of(user):
        raise errors.RegistrationReplaced("the account has another password now")
    return user


def fingerprint(password_hash: str) -> str:
    """Identify a password without revealing it; a later one has another fingerprint."""
    return salted_hmac("django_sespan.password", password_hash, algorithm="sha256").hexdigest()


def subject(email: str) -> str:
    """Identify an address in a hidden field of the code form."""
    return salted_hmac("django_sespan.subject", key_or_text(email), algorithm="sha256").hexdigest()[
        :16
    ]


def _seconds_until(moment: str | None) -> int:
    """Count with aware times: Django's own now() has no zone where USE_TZ is off."""
    if moment is None:
        return 0
    return max(0, round((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()))
