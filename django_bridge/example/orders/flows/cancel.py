"""placed order → cancelled, with the goods back on the shelf."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from catalogue.models import Product
from orders.models import Order, State


@transaction.atomic
def cancel(order: Order) -> bool:
    """Cancel an order that has not been shipped; return whether it changed."""
    locked = Order.objects.select_for_update().get(order_ref=order.order_ref)
    if locked.state not in {State.OPEN, State.PLACED}:
        return False
    if locked.state == State.PLACED:
        for line in locked.lines.exclude(product=None).order_by("product_id"):
            Product.objects.filter(pk=line.product_id).update(stock=F("stock") + line.quantity)
    locked.state = State.CANCELLED
    locked.save(update_fields=["state"])
    return True
