"""Codes by the service's rules: 5 guesses, 10 minutes, resend after 60 s, 3 live codes, decoys.

Not here: the limits per hour, which a test that sends many codes would only trip over.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django_sespan import errors
from django_sespan._internal import codes
from django_sespan._internal.address import key_or_text, mask, same
from django_sespan.testing import customers
from django_sespan.testing.customers import Customer
from django_sespan.testing.registrations import FakeRegistrations

GUESSES = 5
DIGITS = 6
LIVE_CODES = 3
LIFE = timedelta(minutes=10)
RESEND = timedelta(seconds=60)
NEVER = datetime.min.replace(tzinfo=UTC)
DONE = {"verified", "refused"}
REGISTRATION, LOGIN = "registration", "login"


@dataclass(frozen=True)
class CodeSent:
    """A code in a mail. `customer_id` is None for a registration before its customer."""

    customer_id: str | None
    email: str
    purpose: str
    code: str
    challenge_id: str
    at: datetime
    locale: str = ""


@dataclass(frozen=True)
class NoticeSent:
    """A mail without a code: "you already have an account", or a changed address to the old one."""

    customer_id: str
    email: str
    purpose: str
    at: datetime


class Mailbox(Protocol):
    """Where mails are put; a test may put other lists in their place."""

    outbox: list[CodeSent]
    notices: list[NoticeSent]


@dataclass
class _Challenge:
    challenge_id: str
    purpose: str
    email: str
    customer: Customer | None
    decoy: bool
    locale: str
    data: Any = None
    codes: list[str] = field(default_factory=list)
    used: str = ""  # the code that verified it
    repeats: int = 0
    status: str = "pending"
    guesses: int = GUESSES
    valid_until: datetime = NEVER
    resend_after: datetime = NEVER

    @property
    def open(self) -> bool:
        return self.status == "pending" and datetime.now(UTC) < self.valid_until

    @property
    def wait(self) -> int:
        left = (self.resend_after - datetime.now(UTC)).total_seconds()
        return max(0, -(-int(left * 1000) // 1000))

    @property
    def gone(self) -> bool:
        """Whether its customer was deleted, or rolled back with another test."""
        if self.customer is None:
            return False
        now = customers.by_id(self.customer.customer_id)
        return now is None or now.identity != self.customer.identity


class Challenges:
    """Answers the four calls of `/v1/otp`; each mail goes into the mailbox."""

    def __init__(self, registrations: FakeRegistrations, mailbox: Mailbox) -> None:
        self._registrations, self._mailbox = registrations, mailbox
        self._all: dict[str, _Challenge] = {}

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/otp`."""
        wanted = self._wanted(body)
        old = self._latest(wanted)
        same = old is not None and old.open and old.data == wanted.data
        if old is not None and same and (old.wait or body.get("resume")):
            return _issued(old)
        if old is not None and old.wait and old.status not in DONE:
            raise _too_soon(old.wait)
        if old is not None and same:
            return self._mail(old)
        if old is not None and old.open:
            old.status = "superseded"
        self._all[wanted.challenge_id] = wanted
        return self._mail(wanted)

    def resend(self, challenge_id: str) -> dict[str, Any]:
        """`POST /v1/otp/{challenge_id}/resend`."""
        challenge = self._open(challenge_id)
        if challenge.wait:
            raise _too_soon(challenge.wait)
        return self._mail(challenge)

    def status(self, challenge_id: str) -> dict[str, Any]:
        """`GET /v1/otp/{challenge_id}`."""
        challenge = self._find(challenge_id)
        lapsed = challenge.status == "pending" and not challenge.open
        status = "expired" if lapsed else challenge.status
        return {
            **_issued(challenge),
            "status": status,
            "purpose": challenge.purpose,
            "attempts_left": challenge.guesses if status == "pending" else 0,
            "delivery": "sent",
        }

    def verify(self, challenge_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/otp/{challenge_id}/verify`."""
        guess = codes.normalise(str(body.get("otp_number")))
        if guess is None or len(guess) != DIGITS:
            raise errors.SespanRefused(f"A code has {DIGITS} digits.", status=422)
        challenge = self._open(challenge_id, guess)
        other = body.get("email") and not same(str(body["email"]), challenge.email)
        if challenge.decoy or other or guess not in challenge.codes:
            raise self._wrong(challenge)
        challenge.used = guess
        return self._verified(challenge)

    def supersede(self, customer_id: str) -> None:
        """End what is pending for a customer who registers again."""
        for challenge in self._all.values():
            ours = challenge.customer is not None and challenge.customer.customer_id == customer_id
            if ours and challenge.purpose == REGISTRATION and challenge.status == "pending":
                challenge.status = "superseded"

    def shift(self, by: timedelta) -> None:
        """Make everything older."""
        for challenge in self._all.values():
            challenge.valid_until -= by
            challenge.resend_after -= by

    def _wanted(self, body: Mapping[str, Any]) -> _Challenge:
        purpose, email = str(body["purpose"]), str(body.get("email") or "")
        if purpose not in {REGISTRATION, LOGIN}:
            raise errors.SespanRefused(f"{purpose!r} is not a purpose of codes.", status=422)
        customer = None
        if body.get("customer_id") is not None:
            customer = customers.by_id(body["customer_id"])
            if customer is None:
                raise errors.UnknownCustomer("unknown", status=404)
        elif email:
            matches = customers.by_email(email)
            customer = matches[0] if len(matches) == 1 else None
        else:
            raise errors.SespanRefused("Either customer_id or email is needed.", status=422)
        if customer is not None:
            email = customer.email
            self._registrations.see(customer.customer_id)
        challenge = _Challenge(
            challenge_id=str(uuid.uuid4()),
            purpose=purpose,
            email=email,
            customer=customer,
            decoy=False,
            locale=str(body.get("locale") or ""),
            data=body.get("data"),
        )
        challenge.decoy = self._is_decoy(challenge)
        return challenge

    def _is_decoy(self, wanted: _Challenge) -> bool:
        customer = wanted.customer
        if wanted.purpose != REGISTRATION:
            return customer is None or not customer.active
        if customer is None:
            return bool(customers.by_email(wanted.email))  # several have it
        return customer.active or self._registrations.state(customer.customer_id) != "live"

    def _latest(self, wanted: _Challenge) -> _Challenge | None:
        key = (wanted.purpose, key_or_text(wanted.email), wanted.decoy)
        for challenge in reversed(self._all.values()):
            its_key = (challenge.purpose, key_or_text(challenge.email), challenge.decoy)
            if its_key == key and not challenge.gone:
                return challenge
        return None

    def _mail(self, challenge: _Challenge) -> dict[str, Any]:
        now = datetime.now(UTC)
        challenge.valid_until, challenge.resend_after = now + LIFE, now + RESEND
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        challenge.codes = [*challenge.codes, code][-LIVE_CODES:]
        customer = challenge.customer
        customer_id = None if customer is None else customer.customer_id
        if not challenge.decoy:
            to, purpose = challenge.email, challenge.purpose
            mail = (customer_id, to, purpose, code, challenge.challenge_id)
            self._mailbox.outbox.append(CodeSent(*mail, at=now, locale=challenge.locale))
        if customer is not None and _owner_is_told(challenge, customer):
            notice = NoticeSent(customer.customer_id, customer.email, challenge.purpose, now)
            self._mailbox.notices.append(notice)
        return _issued(challenge)

    def _wrong(self, challenge: _Challenge) -> errors.OTPIncorrect:
        challenge.guesses -= 1
        if challenge.guesses == 0:
            challenge.status = "locked"
        return errors.OTPIncorrect(
            "incorrect", status=422, members={"attempts_left": challenge.guesses}
        )

    def _verified(self, challenge: _Challenge) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "status": "verified",
            "verified_at": datetime.now(UTC).isoformat(),
        }
        if challenge.customer is not None:
            customer_id = challenge.customer.customer_id
            self._activate(challenge, customer_id)
            answer["customer_id"] = customer_id
        if challenge.data is not None:
            answer["data"] = challenge.data
        challenge.status = "verified"
        return answer

    def _activate(self, challenge: _Challenge, customer_id: str) -> None:
        customer = customers.by_id(customer_id)
        if customer is None:
            raise errors.UnknownCustomer("unknown", status=404)
        if customer.active:
            return
        may = challenge.purpose == REGISTRATION and self._registrations.state(customer_id) == "live"
        if not may:
            challenge.status = "refused"
            raise errors.ActivationRefused("no right to be activated", status=403)
        customers.activate(customer_id)
        self._registrations.end(customer_id)

    def _open(self, challenge_id: str, guess: str | None = None) -> _Challenge:
        challenge = self._find(challenge_id)
        if challenge.customer is not None:
            self._registrations.see(challenge.customer.customer_id)
        if challenge.status in DONE:
            raise errors.OTPUsed("used", status=409, members=_repeats(challenge, guess))
        if challenge.status == "locked":
            none = {"attempts_left": 0}
            raise errors.OTPLocked(
                "locked", status=429, retry_after=max(1, challenge.wait), members=none
            )
        if not challenge.open:
            raise errors.OTPExpired("over", status=410)
        return challenge

    def _find(self, challenge_id: str) -> _Challenge:
        challenge = self._all.get(challenge_id)
        if challenge is None or challenge.gone:
            raise errors.UnknownChallenge("unknown", status=404)
        return challenge


def _repeats(challenge: _Challenge, guess: str | None) -> dict[str, bool]:
    """Tell whether the code that verified it was sent once more; five tries are compared."""
    if guess is None:
        return {}
    may = challenge.status == "verified" and challenge.repeats < GUESSES
    challenge.repeats += 1
    return {"correct": may and guess == challenge.used}


def _owner_is_told(challenge: _Challenge, customer: Customer) -> bool:
    return challenge.purpose == REGISTRATION and customer.active


def _issued(challenge: _Challenge) -> dict[str, Any]:
    return {
        "challenge_id": challenge.challenge_id,
        "email": mask(challenge.email),
        "valid_until": challenge.valid_until.isoformat(),
        "resend_after": challenge.resend_after.isoformat(),
    }


def _too_soon(wait: int) -> errors.OTPTooSoon:
    return errors.OTPTooSoon("too soon", status=429, retry_after=wait)
