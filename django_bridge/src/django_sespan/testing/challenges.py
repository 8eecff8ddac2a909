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
        found = self._open(challenge_id)
        if found.wait:
            raise _too_soon(found.wait)
        return self._mail(found)

    def status(self, challenge_id: str) -> dict[str, Any]:
        """`GET /v1/otp/{challenge_id}`."""
        found = self._find(challenge_id)
        status = "expired" if found.status == "pending" and not found.open else found.status
        return {
            **_issued(found),
            "status": status,
            "purpose": found.purpose,
            "attempts_left": found.guesses if status == "pending" else 0,
            "delivery": "sent",
        }

    def verify(self, challenge_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/otp/{challenge_id}/verify`."""
        found = self._open(challenge_id)
        guess = codes.normalise(str(body.get("otp_number")))
        if guess is None or len(guess) != DIGITS:
            raise errors.SespanRefused(f"A code has {DIGITS} digits.", status=422)
        other = body.get("email") and str(body["email"]).lower() != found.email.lower()
        if found.decoy or other or guess not in found.codes:
            raise self._wrong(found)
        return self._verified(found)

    def supersede(self, customer_id: str) -> None:
        """End what is pending for a customer who registers again."""
        for found in self._all.values():
            ours = found.customer is not None and found.customer.customer_id == customer_id
            if ours and found.purpose == REGISTRATION and found.status == "pending":
                found.status = "superseded"

    def shift(self, by: timedelta) -> None:
        """Make everything older."""
        for found in self._all.values():
            found.valid_until -= by
            found.resend_after -= by

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
        if customer is not None and purpose == REGISTRATION and body.get("new_customer"):
            self._registrations.grant(customer.customer_id)
        if customer is not None:
            email = customer.email
        found = _Challenge(
            challenge_id=str(uuid.uuid4()),
            purpose=purpose,
            email=email,
            customer=customer,
            decoy=False,
            locale=str(body.get("locale") or ""),
            data=body.get("data"),
        )
        found.decoy = self._is_decoy(found)
        return found

    def _is_decoy(self, wanted: _Challenge) -> bool:
        customer = wanted.customer
        if wanted.purpose != REGISTRATION:
            return customer is None or not customer.active
        if customer is None:
            return bool(customers.by_email(wanted.email))  # several have it
        return customer.active or self._registrations.state(customer.customer_id) != "live"

    def _latest(self, wanted: _Challenge) -> _Challenge | None:
        key = (wanted.purpose, wanted.email.lower(), wanted.decoy)
        for found in reversed(self._all.values()):
            if (found.purpose, found.email.lower(), found.decoy) == key and not found.gone:
                return found
        return None

    def _mail(self, found: _Challenge) -> dict[str, Any]:
        now = datetime.now(UTC)
        found.valid_until, found.resend_after = now + LIFE, now + RESEND
        found.codes = [*found.codes, f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"][-LIVE_CODES:]
        customer = found.customer
        customer_id = None if customer is None else customer.customer_id
        if not found.decoy:
            mail = (customer_id, found.email, found.purpose, found.codes[-1], found.challenge_id)
            self._mailbox.outbox.append(CodeSent(*mail, at=now, locale=found.locale))
        if customer is not None and _owner_is_told(found, customer):
            notice = NoticeSent(customer.customer_id, customer.email, found.purpose, now)
            self._mailbox.notices.append(notice)
        return _issued(found)

    def _wrong(self, found: _Challenge) -> errors.OTPIncorrect:
        found.guesses -= 1
        if found.guesses == 0:
            found.status = "locked"
        return errors.OTPIncorrect(
            "incorrect", status=422, members={"attempts_left": found.guesses}
        )

    def _verified(self, found: _Challenge) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "status": "verified",
            "verified_at": datetime.now(UTC).isoformat(),
        }
        if found.customer is not None:
            customer_id = found.customer.customer_id
            self._activate(found, customer_id)
            answer["customer_id"] = customer_id
        if found.data is not None:
            answer["data"] = found.data
        found.status = "verified"
        return answer

    def _activate(self, found: _Challenge, customer_id: str) -> None:
        customer = customers.by_id(customer_id)
        if customer is None:
            raise errors.UnknownCustomer("unknown", status=404)
        if customer.active:
            return
        may = found.purpose == REGISTRATION and self._registrations.state(customer_id) == "live"
        if not may:
            found.status = "refused"
            raise errors.ActivationRefused("no right to be activated", status=403)
        customers.activate(customer_id)
        self._registrations.end(customer_id)

    def _open(self, challenge_id: str) -> _Challenge:
        found = self._find(challenge_id)
        if found.status in DONE:
            raise errors.OTPUsed("used", status=409)
        if found.status == "locked":
            none = {"attempts_left": 0}
            raise errors.OTPLocked(
                "locked", status=429, retry_after=max(1, found.wait), members=none
            )
        if not found.open:
            raise errors.OTPExpired("over", status=410)
        return found

    def _find(self, challenge_id: str) -> _Challenge:
        found = self._all.get(challenge_id)
        if found is None or found.gone:
            raise errors.UnknownChallenge("unknown", status=404)
        return found


def _owner_is_told(found: _Challenge, customer: Customer) -> bool:
    return found.purpose == REGISTRATION and customer.active


def _issued(found: _Challenge) -> dict[str, Any]:
    return {
        "challenge_id": found.challenge_id,
        "email": mask(found.email),
        "valid_until": found.valid_until.isoformat(),
        "resend_after": found.resend_after.isoformat(),
    }


def mask(email: str) -> str:
    """Show an address as the service does: `b***@example.com`."""
    local, _, domain = email.lower().partition("@")
    return f"{local[:1]}***@{domain}"


def _too_soon(wait: int) -> errors.OTPTooSoon:
    return errors.OTPTooSoon("too soon", status=429, retry_after=wait)
