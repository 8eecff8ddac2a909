"""`{% load sespan %}`: the checkout box."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.middleware.csrf import get_token
from django.template.context import RequestContext

from django_sespan import checkout

register = template.Library()


@register.inclusion_tag("django_sespan/checkout.html", takes_context=True)
def sespan_checkout(
    context: RequestContext,
    *,
    order_ref: str,
    amount: Decimal | int | str,
    currency: str = "",
    auto: bool = False,
) -> dict[str, Any]:
    """Draw the discount of an order: `{% sespan_checkout order_ref=o.ref amount=o.total %}`.

    `currency` is an ISO 4217 code for showing amounts; `auto=True` draws at once.
    """
    request = context.get("request")
    return {
        "order_ref": checkout.check_ref(order_ref),
        "amount": format(checkout.money(amount), "f"),
        "currency": currency,
        "auto": auto,
        "csrf_token_value": get_token(request) if request is not None else "",
    }
