"""Ask Sespan what an order costs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from django_sespan import checkout, errors
from orders.models import Order

logger = logging.getLogger(__name__)


class PriceUnavailableError(Exception):
    """Sespan did not answer; asking again later gives the price."""


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
    try:
        draw = checkout.price(order.customer_id, order.order_ref, order.amount, client_ip=client_ip)
    except errors.SespanError as error:
        logger.exception("no price for order %s", order.order_ref)
        raise PriceUnavailableError(order.order_ref) from error
    if not 0 <= draw.discounted_amount <= order.amount:
        logger.error("impossible price for order %s: %s", order.order_ref, draw.discounted_amount)
        raise PriceUnavailableError(order.order_ref)
    return Price(draw.discounted_amount, draw.transaction_id)
