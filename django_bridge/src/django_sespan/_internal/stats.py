"""The answers of `/v1/stats/…` as typed values, and the calls that get them.

Times are aware and in UTC; a bucket's `at` is its beginning. `total` is the range's sum,
`previous` that of the period of equal length just before it, `ever` since counting began.
Money and rates are Decimals, latencies milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from django_sespan._internal.records import read

STEPS = ("hour", "day", "week", "month")

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Range:
    """[since, until) in steps, whose days are those of `time_zone` (IANA name)."""

    since: datetime
    until: datetime
    step: str
    time_zone: str


@dataclass(frozen=True)
class Outcomes:
    """Calls that went well and that did not."""

    success: int
    failure: int


@dataclass(frozen=True)
class Hits(Outcomes):
    """Calls of the API."""

    calls: int


@dataclass(frozen=True)
class HitsBucket(Hits):
    """One step; `by_type` has the calls of each request type."""

    at: datetime
    by_type: dict[str, int]


@dataclass(frozen=True)
class Latency:
    """How long the calls took at most: half of them, 95 %, 99 %. Milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class HitsOfType(Hits):
    """One request type in the whole range; no latency where there was no call."""

    request_type: str
    latency_ms: Latency | None


@dataclass(frozen=True)
class ApiHits(Range):
    """`GET /v1/stats/api-hits`."""

    buckets: tuple[HitsBucket, ...]
    total: Hits
    previous: Hits
    ever: Hits
    by_type: tuple[HitsOfType, ...]


@dataclass(frozen=True)
class Codes:
    """Codes of e-mail verification."""

    issued: int
    resent: int
    verified: int
    failed: int
    locked: int
    expired: int


@dataclass(frozen=True)
class CodesBucket(Codes):
    """One step; cumulative since counting began, up to the step's end."""

    at: datetime
    cumulative_issued: int
    cumulative_verified: int


@dataclass(frozen=True)
class CodesOfPurpose(Codes):
    """One purpose in the whole range: `registration`, `login`."""

    purpose: str


@dataclass(frozen=True)
class CodeGrowth(Range):
    """`GET /v1/stats/otp`."""

    buckets: tuple[CodesBucket, ...]
    total: Codes
    previous: Codes
    ever: Codes
    by_purpose: tuple[CodesOfPurpose, ...]


@dataclass(frozen=True)
class OutcomesBucket:
    """One step, by request type."""

    at: datetime
    by_type: dict[str, Outcomes]


@dataclass(frozen=True)
class OutcomesOfType(Outcomes):
    """One request type in the whole range."""

    request_type: str


@dataclass(frozen=True)
class OutcomesByType(Range):
    """`GET /v1/stats/outcomes`."""

    buckets: tuple[OutcomesBucket, ...]
    total: Outcomes
    previous: Outcomes
    ever: Outcomes
    by_type: tuple[OutcomesOfType, ...]


@dataclass(frozen=True)
class Draws:
    """Transactions. `wins` had a discount; `capped` were drawn, but turned away by a limit."""

    draws: int
    wins: int
    capped: int
    amount: Decimal
    discount: Decimal
    cancelled: int
    cancelled_amount: Decimal
    cancelled_discount: Decimal


@dataclass(frozen=True)
class DrawsBucket(Draws):
    """One step."""

    at: datetime


@dataclass(frozen=True)
class Interval:
    """The 95 % interval of an observed rate (Wilson)."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class DrawsOfTier(Draws):
    """One tier in the whole range; no `tier_id` where none applied. No rates without a draw."""

    tier_id: int | None
    name: str | None
    observed_rate: Decimal | None
    interval: Interval | None
    promised_rate: Decimal | None


@dataclass(frozen=True)
class TransactionStats(Range):
    """`GET /v1/stats/transactions`."""

    buckets: tuple[DrawsBucket, ...]
    total: Draws
    previous: Draws
    ever: Draws
    tiers: tuple[DrawsOfTier, ...]


@dataclass(frozen=True)
class Mails:
    """Mails by their end; `retried` counts the tries again."""

    sent: int
    dead: int
    expired: int
    suppressed: int
    cancelled: int
    retried: int


@dataclass(frozen=True)
class MailsBucket(Mails):
    """One step."""

    at: datetime


@dataclass(frozen=True)
class MailStats(Range):
    """`GET /v1/stats/mail`."""

    buckets: tuple[MailsBucket, ...]
    total: Mails
    previous: Mails
    ever: Mails


class StatsCalls:
    """The client's calls for the roles dashboard and admin.

    `since` and `until` bound the range [since, until): a time with a zone on a quarter of an
    hour, or a day, which begins in Sespan's time zone. `step` is hour, day, week or month.
    """

    def stats_api_hits(
        self,
        *,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        step: str = "day",
    ) -> ApiHits:
        """Return how often the API was called, by request type."""
        return self._stats(ApiHits, "api-hits", since, until, step)

    def stats_codes(
        self,
        *,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        step: str = "day",
    ) -> CodeGrowth:
        """Return what became of the codes, and how their numbers grew."""
        return self._stats(CodeGrowth, "otp", since, until, step)

    def stats_outcomes(
        self,
        *,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        step: str = "day",
    ) -> OutcomesByType:
        """Return successes and failures by request type."""
        return self._stats(OutcomesByType, "outcomes", since, until, step)

    def stats_transactions(
        self,
        *,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        step: str = "day",
    ) -> TransactionStats:
        """Return draws, amounts and discounts, and each tier's observed and promised rate."""
        return self._stats(TransactionStats, "transactions", since, until, step)

    def stats_mail(
        self,
        *,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        step: str = "day",
    ) -> MailStats:
        """Return what became of the mails."""
        return self._stats(MailStats, "mail", since, until, step)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Read `path`: the client's."""
        raise NotImplementedError

    def _stats(
        self,
        kind: type[Answer],
        name: str,
        since: datetime | date | None,
        until: datetime | date | None,
        step: str,
    ) -> Answer:
        params = {"from": _text(since), "to": _text(until), "step": step}
        return read(kind, self.get(f"/v1/stats/{name}", params))


def _text(bound: datetime | date | None) -> str | None:
    if isinstance(bound, datetime) and bound.tzinfo is None:
        raise ValueError("a time without a time zone")
    return None if bound is None else bound.isoformat()
