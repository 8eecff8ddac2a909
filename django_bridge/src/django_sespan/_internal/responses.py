"""Sespan's responses as typed values; a missing or invalid field is SespanInvalidResponse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from django_sespan.errors import SespanInvalidResponse

FIRST_YEAR, LAST_YEAR = 2000, 2999
"""What a time may be: at the ends of the calendar no other time zone can show it."""


@dataclass(frozen=True)
class Challenge:
    """A code was asked for. `email` is masked; the times are aware."""

    challenge_id: str
    email: str
    valid_until: datetime
    resend_after: datetime


@dataclass(frozen=True)
class Verified:
    """The correct code. `customer_id` is a string, empty where none belongs to the challenge."""

    customer_id: str
    verified_at: datetime | None
    data: Mapping[str, Any] | None = field(default=None, repr=False)
    """What was sealed in the challenge, given back this one time."""


@dataclass(frozen=True)
class ChallengeStatus:
    """Where a challenge stands.

    `status` is `pending`, `verified`, `expired`, `superseded`, `locked` or `refused` (the code
    was correct, but activates nobody).
    """

    status: str
    purpose: str
    attempts_left: int | None
    delivery: str


@dataclass(frozen=True)
class Draw:
    """The result of an order's draw. `discounted_amount` is what the customer pays."""

    transaction_id: int
    tier_id: int | None
    discounted: bool
    transaction_amount: Decimal
    discounted_amount: Decimal
    transaction_time: datetime
    created: bool
    """False when this order had been drawn before and this is the same result."""


def challenge(data: Mapping[str, Any], date: str = "") -> Challenge:
    """Read the 202 of an issued or resent code; `date` is the answer's.

    Its times are told by this machine's clock, where that is more than a minute or so off.
    """
    ahead = _ahead(date)
    return Challenge(
        challenge_id=_text(data, "challenge_id"),
        email=_text(data, "email"),
        valid_until=_time(data, "valid_until") - ahead,
        resend_after=_time(data, "resend_after") - ahead,
    )


def _ahead(date: str) -> timedelta:
    """Return how far the service's clock is ahead, nothing for what Date cannot tell exactly."""
    try:
        ahead = parsedate_to_datetime(date) - datetime.now(UTC)
    except (ValueError, TypeError):
        return timedelta(0)
    return ahead if abs(ahead) > timedelta(seconds=90) else timedelta(0)


def verified(data: Mapping[str, Any]) -> Verified:
    """Read the 200 of a verification."""
    if data.get("status") != "verified":
        raise SespanInvalidResponse("a verification that is not verified")
    customer_id, sealed = data.get("customer_id"), data.get("data")
    if sealed is not None and not isinstance(sealed, Mapping):
        raise SespanInvalidResponse("a verification with invalid data")
    return Verified(
        customer_id="" if customer_id is None else str(customer_id),
        verified_at=_time(data, "verified_at") if data.get("verified_at") else None,
        data=sealed,
    )


def challenge_status(data: Mapping[str, Any]) -> ChallengeStatus:
    """Read `GET /v1/otp/{challenge_id}`."""
    left = data.get("attempts_left")
    return ChallengeStatus(
        status=_text(data, "status"),
        purpose=_text(data, "purpose"),
        attempts_left=left if isinstance(left, int) else None,
        delivery=str(data.get("delivery") or ""),
    )


def draw(status: int, data: Mapping[str, Any]) -> Draw:
    """Read `POST /v1/transactions`: 201 is new, 200 the same again."""
    number, tier, discounted = (data.get(k) for k in ("transaction_id", "tier_id", "discounted"))
    if not isinstance(number, int) or not isinstance(discounted, bool):
        raise SespanInvalidResponse("a draw without transaction_id or discounted")
    if tier is not None and not isinstance(tier, int):
        raise SespanInvalidResponse("a draw with an invalid tier_id")
    return Draw(
        transaction_id=number,
        tier_id=tier,
        discounted=discounted,
        transaction_amount=_money(data, "transaction_amount"),
        discounted_amount=_money(data, "discounted_amount"),
        transaction_time=_time(data, "transaction_time"),
        created=status == 201,  # noqa: PLR2004  (HTTP 201 Created)
    )


LONGEST_AMOUNT = 30
"""Digits before the point: more than any currency or PostgreSQL column of Sespan has."""


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise SespanInvalidResponse(f"an answer without {name}")
    return value


def _time(data: Mapping[str, Any], name: str) -> datetime:
    try:
        value = datetime.fromisoformat(_text(data, name))
    except ValueError:
        raise SespanInvalidResponse(f"{name} is no time") from None
    if value.tzinfo is None:
        raise SespanInvalidResponse(f"{name} has no time zone")
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise SespanInvalidResponse(f"{name} is out of range")
    return value


def _money(data: Mapping[str, Any], name: str) -> Decimal:
    try:
        value = Decimal(_text(data, name))
    except InvalidOperation:
        raise SespanInvalidResponse(f"{name} is no amount") from None
    # An exponent without bound is a short text that expands to a page of digits.
    if not value.is_finite() or value < 0 or value.adjusted() > LONGEST_AMOUNT:
        raise SespanInvalidResponse(f"{name} is no amount")
    return value
