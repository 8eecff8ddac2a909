"""order at the full price → its draw, later.

The draw may have won, and its answer was lost; or Sespan was away. An order keeps its draw, so
asking again tells what this one would have cost.
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import QuerySet

from orders.flows.price import PriceUnavailableError, ask_price
from orders.models import Order, State


def without_draw(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return those that were placed at the full price, their draw unknown."""
    return orders.filter(state__in=[State.PLACED, State.SHIPPED], transaction_id=None)


def find_draw(order: Order) -> Decimal:
    """Note the draw of an order that was paid in full; return what its customer gets back.

    The price of the order stays what was paid. Raises PriceUnavailableError; then nothing changed.
    """
    price = ask_price(order, None)
    if price.transaction_id is None:  # Sespan is switched off
        raise PriceUnavailableError(order.order_ref)
    without_draw(Order.objects.filter(pk=order.pk)).update(transaction_id=price.transaction_id)
    return order.amount - price.discounted_amount
