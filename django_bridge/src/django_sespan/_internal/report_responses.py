"""Sespan's answers about transactions as typed values; money is exact, times are aware."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django_sespan._internal import responses
from django_sespan.errors import SespanInvalidResponse

LARGEST_POWER = 10**20
"""Above 2^64, the largest number of a draw."""


@dataclass(frozen=True)
class Transaction:
    """One order that was drawn. `discounted_amount` is what the customer pays."""

    transaction_id: int
    customer_id: str
    username: str
    order_ref: str
    tier_id: int | None
    """None where no tier applied to the order."""
    tier_name: str
    discounted: bool
    capped_by: str
    """The limit of the tier that turned a win into a loss; empty: none did."""
    transaction_amount: Decimal
    discounted_amount: Decimal
    discount: Decimal
    transaction_time: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True)
class TransactionPage:
    """Transactions, newest first; `next_cursor` asks for those after them, None at the end."""

    transactions: list[Transaction]
    next_cursor: str | None


@dataclass(frozen=True)
class DrawProof:
    """What proves a draw: docs/draw.md. The seed is hex, None until its day is over."""

    draw_version: int
    draw_epoch: date
    draw_number: int
    draw_threshold: int | None
    client_nonce: str
    seed_hash: str
    seed: str | None
    inherited_from: int | None
    """The cancelled transaction whose draw this one has."""


@dataclass(frozen=True)
class Counts:
    """Numbers of a row or a total. Net is gross without what was cancelled meanwhile."""

    draws: int
    wins: int
    capped: int
    amount: Decimal
    discount: Decimal
    cancelled: int
    cancelled_amount: Decimal
    cancelled_discount: Decimal
    net_amount: Decimal
    net_discount: Decimal

    @property
    def paid(self) -> Decimal:
        """What customers pay for these: net of cancellations and of discounts."""
        return self.net_amount - self.net_discount


@dataclass(frozen=True)
class SummaryRow:
    """One bucket of time (`at`), one tier or one customer, by the summary's `group_by`."""

    counts: Counts
    at: datetime | None = None
    tier_id: int | None = None
    tier_name: str = ""
    customer_id: str = ""
    username: str = ""


@dataclass(frozen=True)
class Summary:
    """Transactions of [since, until), summed up. Days are those of `time_zone`."""

    since: datetime
    until: datetime
    group_by: str
    time_zone: str
    rows: list[SummaryRow]
    total: Counts


def transaction(data: Mapping[str, Any]) -> Transaction:
    """Read one row of `GET /v1/transactions`."""
    cancelled = data.get("cancelled_at")
    return Transaction(
        transaction_id=_whole(data, "transaction_id"),
        customer_id=str(data.get("customer_id") or ""),
        username=_optional_text(data, "username"),
        order_ref=responses._text(data, "order_ref"),
        tier_id=None if data.get("tier_id") is None else _whole(data, "tier_id"),
        tier_name=_optional_text(data, "tier_name"),
        discounted=data.get("discounted") is True,
        capped_by=_optional_text(data, "capped_by"),
        transaction_amount=responses._money(data, "transaction_amount"),
        discounted_amount=responses._money(data, "discounted_amount"),
        discount=responses._money(data, "discount"),
        transaction_time=responses._time(data, "transaction_time"),
        cancelled_at=None if cancelled is None else responses._time(data, "cancelled_at"),
    )


def page(data: Mapping[str, Any]) -> TransactionPage:
    """Read `GET /v1/transactions`."""
    return TransactionPage(
        [transaction(row) for row in _objects(data, "transactions")],
        _optional_text(data, "next_cursor") or None,
    )


def proof(data: Mapping[str, Any]) -> DrawProof:
    """Read the draw of `GET /v1/transactions/{transaction_id}`."""
    draw = data.get("draw")
    if not isinstance(draw, Mapping):
        raise SespanInvalidResponse("a transaction without its draw")
    threshold, inherited = draw.get("draw_threshold"), draw.get("inherited_from")
    try:
        epoch = date.fromisoformat(responses._text(draw, "draw_epoch")[:10])
    except ValueError:
        raise SespanInvalidResponse("draw_epoch is no day") from None
    return DrawProof(
        draw_version=_whole(draw, "draw_version"),
        draw_epoch=epoch,
        draw_number=_whole(draw, "draw_number"),
        draw_threshold=None if threshold is None else _whole(draw, "draw_threshold"),
        client_nonce=_optional_text(draw, "client_nonce"),
        seed_hash=_optional_text(draw, "seed_hash"),
        seed=_optional_text(draw, "seed") or None,
        inherited_from=None if inherited is None else _whole(draw, "inherited_from"),
    )


def summary(data: Mapping[str, Any]) -> Summary:
    """Read `GET /v1/transactions/summary`."""
    total = data.get("total")
    if not isinstance(total, Mapping):
        raise SespanInvalidResponse("a summary without its total")
    return Summary(
        since=responses._time(data, "from"),
        until=responses._time(data, "to"),
        group_by=responses._text(data, "group_by"),
        time_zone=responses._text(data, "time_zone"),
        rows=[_summary_row(row) for row in _objects(data, "rows")],
        total=_counts(total),
    )


def _summary_row(row: Mapping[str, Any]) -> SummaryRow:
    return SummaryRow(
        counts=_counts(row),
        at=None if row.get("at") is None else responses._time(row, "at"),
        tier_id=None if row.get("tier_id") is None else _whole(row, "tier_id"),
        tier_name=_optional_text(row, "tier_name"),
        customer_id=str(row.get("customer_id") or ""),
        username=_optional_text(row, "username"),
    )


def _counts(row: Mapping[str, Any]) -> Counts:
    values: dict[str, Any] = {
        field.name: _whole(row, field.name) if field.type == "int" else _signed(row, field.name)
        for field in fields(Counts)
    }
    return Counts(**values)


def _objects(data: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    rows = data.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise SespanInvalidResponse(f"an answer without {name}")
    return rows


def _whole(data: Mapping[str, Any], name: str) -> int:
    """Read a whole number, or one as text where it may be too large for JSON's readers."""
    value = data.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:  # noqa: PLR2004
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST_POWER:
        raise SespanInvalidResponse(f"an answer without {name}")
    return value


def _signed(data: Mapping[str, Any], name: str) -> Decimal:
    """Read money that may be below zero: more cancelled than sold."""
    try:
        value = Decimal(responses._text(data, name))
    except InvalidOperation:
        raise SespanInvalidResponse(f"{name} is no amount") from None
    if not value.is_finite() or value.adjusted() > responses.LONGEST_AMOUNT:
        raise SespanInvalidResponse(f"{name} is no amount")
    return value


def _optional_text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise SespanInvalidResponse(f"{name} is no text")
    return value or ""
