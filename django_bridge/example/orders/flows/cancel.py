"""placed order → cancelled, with the goods back on the shelf."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from orders.models import Order, State


@transaction.atomic
def cancel(order: Order) -> bool:
    """Cancel an order that has not been shipped; return whether it changed."""
    locked = Order.objects.select_for_update().get(order_ref=order.order_ref)
    if locked.state not in {State.OPEN, State.PLACED}:
        return False
    if locked.state == State.PLACED:
        _put_back(locked)
    locked.state = State.CANCELLED
    locked.save(update_fields=["state"])
    return True


def _put_back(order: Order) -> None:
    """Return the goods of an order to the stock, in the order of their ids as placing does."""
    for line in order.lines.select_related("product").order_by("product_id"):
        if line.product is not None:
            line.product.stock = F("stock") + line.quantity
            line.product.save(update_fields=["stock"])
