"""Draws by a rule that the test sets; an order is drawn once, as by the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django_sespan import errors

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Order:
    """What is drawn for."""

    customer_id: str
    order_ref: str
    amount: Decimal


Rule = Callable[[Order], Decimal | int | str | None]
"""An order → the share of its amount that is taken off (0 to 1), or None when it wins nothing."""


def lose(order: Order) -> None:
    """Win nothing: the rule that stands until a test sets another."""


class Draws:
    """Answers `POST /v1/transactions`."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, str], dict[str, Any]] = {}

    def draw(self, body: Mapping[str, Any], rule: Rule) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and the answer: 201, then 200 with the same answer."""
        amount = Decimal(str(body["transaction_amount"]))
        order = Order(str(body["customer_id"]), str(body["order_ref"]), amount)
        key = (order.customer_id, order.order_ref)
        before = self._results.get(key)
        if before is None:
            self._results[key] = self._draw(order, rule)
            return 201, self._results[key]
        if Decimal(before["transaction_amount"]) != _to_cents(amount):
            raise errors.OrderConflict("drawn with another amount", status=409)
        return 200, before

    def _draw(self, order: Order, rule: Rule) -> dict[str, Any]:
        share = rule(order)
        off = Decimal(0) if share is None else Decimal(share)
        if not 0 <= off <= 1:
            raise ValueError(f"The rule gave {share!r}; a discount is a share from 0 to 1.")
        return {
            "transaction_id": len(self._results) + 1,
            "tier_id": 1,
            "discounted": share is not None,
            "transaction_amount": f"{_to_cents(order.amount)}",
            "discounted_amount": f"{_to_cents(order.amount * (1 - off))}",
            "transaction_time": datetime.now(UTC).isoformat(),
        }


def _to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
