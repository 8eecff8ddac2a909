"""`{% load sespan %}`: the checkout box, and the bar over the pages for staff."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.middleware.csrf import get_token
from django.template.context import RequestContext
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from django_sespan import checkout
from django_sespan._internal.brand import Brand, brand
from django_sespan._internal.staff import roles_of
from django_sespan.conf import get_settings

register = template.Library()

STAFF_PAGES = (
    ("django_sespan:dashboard", _("Dashboard"), {"dashboard", "admin"}),
    ("django_sespan:reports", _("Reports"), {"report", "admin"}),
    ("django_sespan:keys", _("Keys"), {"report", "admin"}),
)
"""Name of the address, label, and the roles of which one is needed."""


@register.inclusion_tag("django_sespan/checkout.html", takes_context=True)
def sespan_checkout(
    context: RequestContext,
    *,
    order_ref: str | int,
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


@register.simple_tag
def sespan_brand() -> Brand:
    """Return the site's name, colour and logo: `{% sespan_brand as brand %}`."""
    return brand()


@register.simple_tag
def sespan_currency() -> str:
    """Return SESPAN["CURRENCY"]: `{% sespan_currency as currency %}`."""
    return get_settings().currency


@register.inclusion_tag("django_sespan/staff_bar.html", takes_context=True)
def sespan_staff_bar(context: RequestContext) -> dict[str, Any]:
    """Show the pages that this person's roles open; those that the site left out are not there."""
    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return {"pages": [], "site": "", "name": ""}
    pages, roles = [], set(roles_of(request.user))
    for address, label, needed in STAFF_PAGES:
        if url := _address(address) if roles & needed else "":
            current = request.path.startswith(url)
            pages.append({"url": url, "label": label, "current": current})
    if getattr(request.user, "is_staff", False) and (url := _address("admin:index")):
        pages.append({"url": url, "label": _("Administration"), "current": False})
    return {
        "pages": pages,
        "site": brand().name or request.get_host().partition(":")[0],
        "name": request.user.get_username(),
    }


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
