"""The figures of `/v1/stats/…` in a test run: made up, plausible, and the same each time.

    sespan.stats.orders_per_day = 120     # 0, as at the beginning: nothing has happened yet
    sespan.stats.answers["mail"] = {…}    # an answer of the test's own

They have a rhythm of day and week and grow, and do not know of the test's own calls.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_sespan import errors

DEFAULT_SPAN = {
    "hour": timedelta(hours=24),
    "day": timedelta(days=30),
    "week": timedelta(weeks=26),
    "month": timedelta(days=730),
}
MOST_BUCKETS = 2400
TYPES = {"OTP": 2.2, "Login": 1.6, "Transaction": 1.1, "Report": 0.06, "Admin": 0.02}
"""Request type → calls for each order."""
FAILURES = {"OTP": 0.06, "Login": 0.09, "Transaction": 0.012, "Report": 0.03, "Admin": 0.04}
CODES = {
    "issued": 1.2,
    "resent": 0.08,
    "verified": 1.02,
    "failed": 0.11,
    "locked": 0.004,
    "expired": 0.1,
}
MAILS = {
    "sent": 2.4,
    "dead": 0.012,
    "expired": 0.003,
    "suppressed": 0.008,
    "cancelled": 0.002,
    "retried": 0.09,
}


@dataclass(frozen=True)
class Tier:
    """A made-up tier: its share of the orders, what is promised, a typical amount."""

    tier_id: int | None
    name: str | None
    share: float
    rate: float
    discount: Decimal
    amount: Decimal


TIERS = (
    Tier(1, "Small cup", 0.46, 0.10, Decimal("0.05"), Decimal(85_000)),
    Tier(2, "Big cup", 0.31, 0.20, Decimal("0.10"), Decimal(240_000)),
    Tier(3, "Roastery", 0.14, 0.35, Decimal("0.15"), Decimal(910_000)),
    Tier(None, None, 0.09, 0.0, Decimal(0), Decimal(22_000)),
)


@dataclass
class FakeStats:
    """What the service would have counted; a test sets it."""

    orders_per_day: int = 0
    days: int = 120
    """How long ago counting began."""
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """`api-hits`, `otp`, `outcomes`, `transactions`, `mail` → what is answered instead."""
    now: datetime | None = None
    """The moment at which the figures end; the present, when None."""

    def answer(self, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one call, or refuse it as the service does."""
        if name in self.answers:
            return self.answers[name]
        made = _Answer(self, params)
        match name:
            case "api-hits":
                return made.api_hits()
            case "otp":
                return made.codes()
            case "outcomes":
                return made.outcomes()
            case "transactions":
                return made.transactions()
            case "mail":
                return made.mails()
        raise errors.SespanRefused(f"there is no /v1/stats/{name}", status=404)


class _Answer:
    """One answer: the range, and running totals that every figure is a difference of."""

    def __init__(self, stats: FakeStats, params: Mapping[str, Any]) -> None:
        self.zone = timezone.get_default_timezone()
        self.now = (stats.now or datetime.now(UTC)).astimezone(self.zone)
        self.stats, self.step = stats, str(params.get("step") or "day")
        if self.step not in DEFAULT_SPAN:
            raise _refusal("query.step", "must be hour, day, week or month")
        self.began = self.now - timedelta(days=stats.days)
        self._days: dict[str, list[float]] = {}
        end = _next(_begin(self.now, self.step), self.step)
        self.until = _bound(params.get("to"), self.zone) or end
        since = _bound(params.get("from"), self.zone)
        self.since = since or _begin(self.until - DEFAULT_SPAN[self.step], self.step)
        if self.since >= self.until:
            raise _refusal("query.to", "must be later than from")
        self.buckets = list(self._buckets())

    def _buckets(self) -> Iterator[tuple[datetime, datetime]]:
        start, number = _begin(self.since, self.step), 0
        while start < self.until:
            end = _next(start, self.step)
            yield start, end
            start, number = end, number + 1
            if number > MOST_BUCKETS:
                raise _refusal("query.step", "too many steps; take a longer one")

    def running(self, kind: str, ratio: float, at: datetime) -> int:
        """Return how many there were since counting began, up to a moment."""
        at = min(max(at, self.began), self.now)
        sums = self._days.setdefault(kind, [0.0])
        day = (at - self.began) / timedelta(days=1)
        while len(sums) <= day + 1:
            number = len(sums) - 1
            wave = 1 + 0.28 * math.sin((self.began + timedelta(days=number)).weekday() * 0.9)
            noise = random.Random(f"{kind} {number}").uniform(0.82, 1.18)  # noqa: S311
            sums.append(sums[-1] + wave * noise * (0.7 + 0.6 * number / self.stats.days))
        whole, part = int(day), day - int(day)
        # Within a day: little at night, most in the evening.
        part -= 0.1 * math.sin(2 * math.pi * part) * (0.9 if part else 0)
        amount = sums[whole] + part * (sums[whole + 1] - sums[whole])
        return int(amount * ratio * self.stats.orders_per_day)

    def count(self, kind: str, ratio: float, since: datetime, until: datetime) -> int:
        """Return how many there were in a period."""
        return self.running(kind, ratio, until) - self.running(kind, ratio, since)

    def of_each(
        self, kind: str, ratio: float, part: float, since: datetime, until: datetime
    ) -> tuple[int, int]:
        """Return how many there were in a period, and how many of them were this part."""
        before, after = (self.running(kind, ratio, at) for at in (since, until))
        return after - before, int(after * part) - int(before * part)

    def framed(self, buckets: list[dict[str, Any]], sums: Any, **more: Any) -> dict[str, Any]:
        """Put the range and the three sums around the buckets."""
        before = self.since - (self.until - self.since)
        return {
            "from": _text(self.since),
            "to": _text(self.until),
            "step": self.step,
            "time_zone": str(self.zone),
            "buckets": [
                {"at": _text(start), **bucket}
                for (start, _), bucket in zip(self.buckets, buckets, strict=True)
            ],
            "total": sums(self.since, self.until),
            "previous": sums(before, self.since),
            "ever": sums(self.began, self.now),
            **more,
        }

    def _type(self, name: str, since: datetime, until: datetime) -> dict[str, int]:
        calls, failure = self.of_each(name, TYPES[name], FAILURES[name], since, until)
        return {"calls": calls, "success": calls - failure, "failure": failure}

    def _hits(self, since: datetime, until: datetime) -> dict[str, int]:
        types = [self._type(name, since, until) for name in TYPES]
        return {key: sum(t[key] for t in types) for key in ("calls", "success", "failure")}

    def api_hits(self) -> dict[str, Any]:
        """Answer `api-hits`."""
        buckets = [
            {
                **self._hits(*bucket),
                "by_type": {name: self._type(name, *bucket)["calls"] for name in TYPES},
            }
            for bucket in self.buckets
        ]
        by_type = []
        for number, name in enumerate(TYPES, start=1):
            counts = self._type(name, self.since, self.until)
            latency = {"p50": 3.1 * number, "p95": 11.4 * number, "p99": 27.9 * number}
            by_type.append(
                {"request_type": name, **counts, "latency_ms": latency if counts["calls"] else None}
            )
        return self.framed(buckets, self._hits, by_type=by_type)

    def outcomes(self) -> dict[str, Any]:
        """Answer `outcomes`."""

        def both(counts: dict[str, int]) -> dict[str, int]:
            return {"success": counts["success"], "failure": counts["failure"]}

        buckets = [
            {"by_type": {name: both(self._type(name, *bucket)) for name in TYPES}}
            for bucket in self.buckets
        ]
        by_type = [
            {"request_type": name, **both(self._type(name, self.since, self.until))}
            for name in TYPES
        ]
        return self.framed(
            buckets, lambda since, until: both(self._hits(since, until)), by_type=by_type
        )

    def codes(self) -> dict[str, Any]:
        """Answer `otp`."""

        def sums(since: datetime, until: datetime) -> dict[str, int]:
            return {name: self.count(name, ratio, since, until) for name, ratio in CODES.items()}

        buckets = [
            {
                **sums(*bucket),
                **{
                    f"cumulative_{name}": self.running(name, CODES[name], bucket[1])
                    for name in ("issued", "verified")
                },
            }
            for bucket in self.buckets
        ]
        total = sums(self.since, self.until)
        login = {name: value * 3 // 10 for name, value in total.items()}
        registration = {name: value - login[name] for name, value in total.items()}
        return self.framed(
            buckets,
            sums,
            by_purpose=[
                {"purpose": "registration", **registration},
                {"purpose": "login", **login},
            ],
        )

    def _tier(self, tier: Tier, since: datetime, until: datetime) -> dict[str, Any]:
        name = f"tier {tier.tier_id}"
        draws, below = self.of_each(name, tier.share, tier.rate, since, until)
        _, capped = self.of_each(name, tier.share, tier.rate / 40, since, until)
        _, cancelled = self.of_each(name, tier.share, 1 / 60, since, until)
        capped = min(capped, below)
        amount, wins = draws * tier.amount, below - capped
        return {
            "draws": draws,
            "wins": wins,
            "capped": capped,
            "amount": amount,
            "discount": wins * tier.amount * tier.discount,
            "cancelled": cancelled,
            "cancelled_amount": cancelled * tier.amount,
            "cancelled_discount": cancelled * tier.amount * tier.discount / 5,
        }

    def transactions(self) -> dict[str, Any]:
        """Answer `transactions`."""

        def sums(since: datetime, until: datetime) -> dict[str, Any]:
            tiers = [self._tier(tier, since, until) for tier in TIERS]
            return _as_json({key: sum(t[key] for t in tiers) for key in tiers[0]})

        tiers = []
        for tier in TIERS:
            counts = self._tier(tier, self.since, self.until)
            rates = _rates(counts["wins"] + counts["capped"], counts["draws"], tier.rate)
            tiers.append({"tier_id": tier.tier_id, "name": tier.name, **_as_json(counts), **rates})
        return self.framed([sums(*bucket) for bucket in self.buckets], sums, tiers=tiers)

    def mails(self) -> dict[str, Any]:
        """Answer `mail`."""

        def sums(since: datetime, until: datetime) -> dict[str, int]:
            return {
                name: self.count(f"mail {name}", ratio, since, until)
                for name, ratio in MAILS.items()
            }

        return self.framed([sums(*bucket) for bucket in self.buckets], sums)


def _rates(below: int, draws: int, promised: float) -> dict[str, Any]:
    if not draws:
        return {"observed_rate": None, "interval": None, "promised_rate": None}
    z, rate = 1.959964, below / draws
    middle = rate + z * z / (2 * draws)
    width = z * math.sqrt(rate * (1 - rate) / draws + (z / (2 * draws)) ** 2)
    low, high = ((middle + sign * width) / (1 + z * z / draws) for sign in (-1, 1))
    return {
        "observed_rate": f"{rate:.6f}",
        "interval": {"low": f"{max(low, 0):.6f}", "high": f"{min(high, 1):.6f}"},
        "promised_rate": f"{promised:.6f}",
    }


def _as_json(counts: dict[str, Any]) -> dict[str, Any]:
    money = {"amount", "discount", "cancelled_amount", "cancelled_discount"}
    return {k: f"{Decimal(v):.2f}" if k in money else v for k, v in counts.items()}


def _bound(text: object, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        value = datetime.fromisoformat(str(text))
    except ValueError:
        raise _refusal("query.from", f"{text} is no time") from None
    return value.replace(tzinfo=zone) if value.tzinfo is None else value.astimezone(zone)


def _begin(at: datetime, step: str) -> datetime:
    if step == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _next(start: datetime, step: str) -> datetime:
    if step == "hour":
        return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)
    if step == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if step == "week" else 1)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(location: str, message: str) -> errors.SespanRefused:
    members = {"errors": [{"location": location, "message": message}]}
    return errors.SespanRefused(message, status=422, members=members)
