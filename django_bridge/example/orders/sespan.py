"""What the bridge asks this shop."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpRequest
from django.urls import reverse

from django_sespan.adapter import Adapter
from orders.models import Order, State


class ShopAdapter(Adapter):
    """What the bridge's pages for staff ask this shop."""

    def order_url(self, request: HttpRequest, order_ref: str) -> str | None:
        """Return the order's page in the administration, for whoever may see it."""
        order = Order.objects.filter(order_ref=order_ref).first()
        if order is None or not request.user.has_perm("orders.view_order"):
            return None
        return reverse("admin:orders_order_change", args=[order.pk])


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
