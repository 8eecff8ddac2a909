"""What the bridge asks this shop."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpRequest

from orders.models import Order, State


def open_order(request: HttpRequest, order_ref: str) -> tuple[int, str, Decimal] | None:
    """Return (customer id, reference, amount) of the requester's own open order, else None.

    The bridge signs these three into the token that the browser shows to Sespan, so the browser
    can change none of them.
    """
    if not request.user.is_authenticated:
        return None
    order = Order.objects.filter(
        order_ref=order_ref, customer_id=request.user.pk, state=State.OPEN
    ).first()
    if order is None or order.prices_have_expired or order.customer_id is None:
        return None
    return order.customer_id, order.order_ref, order.amount
