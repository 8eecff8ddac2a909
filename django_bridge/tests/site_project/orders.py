"""Orders of the test site: `{order_ref: (customer_id, amount)}`."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpResponse
from django.template import engines

ORDERS: dict[str, tuple[int, Decimal]] = {}

PAGE = '{% load sespan %}{% sespan_checkout order_ref=ref amount=amount currency="IDR" auto=True %}'


def sespan_order(request, order_ref):
    found = ORDERS.get(order_ref)
    if found is None or found[0] != request.user.pk:
        return None
    return found[0], order_ref, found[1]


def page(request, order_ref):
    template = engines["django"].from_string(PAGE)
    context = {"ref": order_ref, "amount": ORDERS[order_ref][1]}
    return HttpResponse(template.render(context, request))
