"""Ask Sespan what an order costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from django_sespan import checkout
from orders.models import Order


class PriceUnavailableError(Exception):
    """Sespan gave no price that can be; asking again later gives it."""


@dataclass(frozen=True)
class Price:
    """What the customer pays, in rupiah, and the draw that decided it (None without Sespan)."""

    discounted_amount: Decimal
    transaction_id: int | None


def ask_price(order: Order, client_ip: str | None) -> Price:
    """Return the price of a frozen order; call it outside any transaction.

    Sespan remembers one draw per order, so the answer never changes. A shop that has switched
    Sespan off sells at the full price.
    """
    if not settings.SESPAN["ENABLED"]:
        return Price(order.amount, None)
    draw = checkout.try_price(order.customer_id, order.order_ref, order.amount, client_ip=client_ip)
    if draw is None:  # the log has the reason
        raise PriceUnavailableError(order.order_ref)
    return Price(draw.discounted_amount, draw.transaction_id)
