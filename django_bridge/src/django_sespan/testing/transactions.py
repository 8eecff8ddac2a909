"""Transactions as the report role sees them: those that a test drew, and those it put there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_sespan import errors

SUMS = (
    "amount",
    "discount",
    "cancelled_amount",
    "cancelled_discount",
    "net_amount",
    "net_discount",
)
NUMBERS = ("draws", "wins", "capped", "cancelled")
ENTRY = (
    "entry",
    "entry_time",
    "transaction_id",
    "customer_id",
    "username",
    "order_ref",
    "tier_id",
    "tier_name",
    "discounted",
    "gross_amount",
    "gross_discount",
    "cancelled_amount",
    "cancelled_discount",
    "net_amount",
    "net_discount",
)
PAGE = 50
ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Sale:
    """One transaction. `discount` is an amount; without one the order won nothing."""

    order_ref: str
    amount: Decimal
    at: datetime
    discount: Decimal | None = None
    customer_id: str = "1"
    username: str = ""
    tier_id: int | None = 1
    tier_name: str = "Standard"
    capped_by: str | None = None
    cancelled_at: datetime | None = None
    transaction_id: int = 0
    proof: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    """A draw at its time, or a cancellation at its own."""

    sale: Sale
    at: datetime
    cancels: bool

    def counts(self) -> dict[str, Any]:
        sale, off = self.sale, self.sale.discount or ZERO
        won = int(sale.discount is not None)
        draw = (0, 0, 0) if self.cancels else (1, won, int(sale.capped_by is not None))
        gross = (ZERO, ZERO) if self.cancels else (sale.amount, off)
        gone = (sale.amount, off) if self.cancels else (ZERO, ZERO)
        sums = (*gross, *gone, gross[0] - gone[0], gross[1] - gone[1])
        numbers = (*draw, int(self.cancels))
        return {**dict(zip(NUMBERS, numbers, strict=True)), **dict(zip(SUMS, sums, strict=True))}


class Transactions:
    """Answers `GET /v1/transactions` and what is below it."""

    def __init__(self) -> None:
        self._sales: list[Sale] = []

    def add(self, sale: Sale) -> Sale:
        """Put a transaction there, with the next number."""
        numbered = replace(sale, transaction_id=len(self._sales) + 1)
        self._sales.append(numbered)
        return numbered

    def cancel(self, number: int) -> dict[str, Any]:
        """Answer `POST /v1/transactions/{transaction_id}/cancel`: again gives the same."""
        sale = self._sale(number)
        if sale.cancelled_at is None:
            sale = replace(sale, cancelled_at=datetime.now(UTC))
            self._sales[number - 1] = sale
        return _row(sale)

    def answer(self, rest: list[str], params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the JSON of the part of the path after `/v1/transactions`."""
        match rest:
            case []:
                return self._page(params)
            case ["summary"]:
                return self._summary(params)
            case [number]:
                return self._one(int(number))
        raise errors.SespanRefused("not known here", status=404)

    def csv(self, rest: list[str], params: Mapping[str, Any]) -> bytes:
        """Answer the same as CSV."""
        if rest == ["summary"]:
            rows = self._summary(params)["rows"]
            return _table(rows[0] if rows else NUMBERS + SUMS, rows)
        entries = sorted(self._entries(params), key=lambda entry: entry.at)
        return _table(ENTRY, [_line(entry) for entry in entries])

    def _entries(self, params: Mapping[str, Any]) -> Iterable[_Entry]:
        begin, end = _range(params)
        for sale in self._filtered(params):
            if begin <= sale.at < end:
                yield _Entry(sale, sale.at, cancels=False)
            if sale.cancelled_at is not None and begin <= sale.cancelled_at < end:
                yield _Entry(sale, sale.cancelled_at, cancels=True)

    def _filtered(self, params: Mapping[str, Any]) -> Iterable[Sale]:
        for sale in self._sales:
            facts = {
                "customer_id": sale.customer_id,
                "tier_id": str(sale.tier_id or 0),
                "order_ref": sale.order_ref,
                "discounted": _flag(sale.discount is not None),
                "cancelled": _flag(sale.cancelled_at is not None),
            }
            if all(str(params[name]) == fact for name, fact in facts.items() if name in params):
                yield sale

    def _page(self, params: Mapping[str, Any]) -> dict[str, Any]:
        begin, end = _range(params)
        found = [sale for sale in self._filtered(params) if begin <= sale.at < end]
        found.sort(key=lambda sale: (sale.at, sale.transaction_id), reverse=True)
        limit, start = int(params.get("limit", PAGE)), 0
        if cursor := str(params.get("cursor", "")):
            if not cursor.isdecimal():
                raise _invalid("query.cursor", "This cursor is of another query.")
            start = int(cursor)
        rest = len(found) > start + limit
        return {
            "transactions": [_row(sale) for sale in found[start : start + limit]],
            "next_cursor": str(start + limit) if rest else None,
        }

    def _one(self, number: int) -> dict[str, Any]:
        sale = self._sale(number)
        return {**_row(sale), "draw": {**_draw(sale), **sale.proof}}

    def _sale(self, number: int) -> Sale:
        for sale in self._sales:
            if sale.transaction_id == number:
                return sale
        raise errors.UnknownTransaction("There is no such transaction.", status=404)

    def _summary(self, params: Mapping[str, Any]) -> dict[str, Any]:
        group, zone = str(params["group_by"]), timezone.get_default_timezone()
        begin, end = _range(params)
        entries = list(self._entries(params))
        groups: dict[Any, list[_Entry]] = {}
        if group in {"hour", "day", "week", "month"}:
            groups = {moment: [] for moment in _buckets(group, begin, end, zone)}
        for entry in entries:
            groups.setdefault(_key(group, entry, zone), []).append(entry)
        return {
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "group_by": group,
            "time_zone": str(zone),
            "rows": [{**_name(group, key, of), **_sum(of)} for key, of in groups.items()],
            "total": _sum(entries),
        }


def _range(params: Mapping[str, Any]) -> tuple[datetime, datetime]:
    zone = timezone.get_default_timezone()
    far = datetime(2999, 1, 1, tzinfo=UTC)
    begin = _moment(str(params.get("from", "2000-01-01")), zone)
    end = _moment(str(params["to"]), zone) if "to" in params else far
    if begin >= end:
        raise _invalid("query.to", "The end is not after the beginning.")
    return begin, end


def _moment(text: str, zone: tzinfo) -> datetime:
    try:
        if "T" in text:
            return datetime.fromisoformat(text)
        return datetime.combine(date.fromisoformat(text), time.min, zone)
    except ValueError:
        raise _invalid("query.from", "No time.") from None


def _key(group: str, entry: _Entry, zone: tzinfo) -> Any:
    if group == "tier":
        return entry.sale.tier_id, entry.sale.tier_name
    if group == "customer":
        return entry.sale.customer_id, entry.sale.username
    return _floor(group, entry.at.astimezone(zone))


def _name(group: str, key: Any, entries: list[_Entry]) -> dict[str, Any]:
    if group == "tier":
        return {"tier_id": key[0], "tier_name": key[1]}
    if group == "customer":
        return {"customer_id": key[0], "username": key[1]}
    return {"at": key.astimezone(UTC).isoformat()}


def _floor(group: str, local: datetime) -> datetime:
    hour = local.replace(minute=0, second=0, microsecond=0)
    if group == "hour":
        return hour
    day = hour.replace(hour=0)
    if group == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if group == "month" else day


def _buckets(group: str, begin: datetime, end: datetime, zone: tzinfo) -> Iterable[datetime]:
    step = timedelta(hours=1) if group == "hour" else timedelta(days=1)
    moment, last = begin.astimezone(zone), None
    while moment < end:
        floor = _floor(group, moment)
        if floor != last:
            yield floor
        last, moment = floor, moment + step


def _sum(entries: Iterable[_Entry]) -> dict[str, Any]:
    counts = [entry.counts() for entry in entries]
    numbers = {name: sum(count[name] for count in counts) for name in NUMBERS}
    return numbers | {name: str(sum((c[name] for c in counts), ZERO)) for name in SUMS}


def _row(sale: Sale) -> dict[str, Any]:
    off = sale.discount or ZERO
    return {
        "transaction_id": sale.transaction_id,
        "customer_id": sale.customer_id,
        "username": sale.username,
        "order_ref": sale.order_ref,
        "tier_id": sale.tier_id,
        "tier_name": sale.tier_name if sale.tier_id else None,
        "discounted": sale.discount is not None,
        "capped_by": sale.capped_by,
        "transaction_amount": str(sale.amount),
        "discounted_amount": str(sale.amount - off),
        "discount": str(off),
        "transaction_time": sale.at.isoformat(),
        "cancelled_at": sale.cancelled_at.isoformat() if sale.cancelled_at else None,
    }


def _draw(sale: Sale) -> dict[str, Any]:
    won = sale.discount is not None
    return {
        "draw_version": 1,
        "draw_epoch": sale.at.astimezone(UTC).date().isoformat(),
        "draw_number": str(2**62 if won else 2**63),
        "draw_threshold": str(2**63 if won else 2**61) if sale.tier_id else None,
        "client_nonce": "",
        "seed_hash": "ab" * 32,
        "seed": None,
        "inherited_from": None,
    }


def _line(entry: _Entry) -> dict[str, Any]:
    counts, row = entry.counts(), _row(entry.sale)
    amounts = {"gross_amount": counts["amount"], "gross_discount": counts["discount"]}
    return {
        **{name: row.get(name, counts.get(name)) for name in ENTRY},
        **{name: _flag(row[name]) for name in ("discounted",)},
        **amounts,
        "entry": "cancellation" if entry.cancels else "draw",
        "entry_time": entry.at.astimezone(UTC).isoformat(),
    }


def _table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _flag(value: object) -> str:
    return "true" if value else "false"


def _invalid(location: str, message: str) -> errors.SespanRefused:
    fields = [{"location": location, "message": message}]
    return errors.SespanRefused(message, status=422, members={"errors": fields})
