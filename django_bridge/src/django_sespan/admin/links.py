"""Where else something stands about the same customer, address, order, code or mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.customers import Customer

LISTS: dict[str, Promise] = {
    "otp": _("Codes of this customer"),
    "transactionlog": _("Draws of this customer"),
    "mailmessage": _("Mails to this address"),
    "apilog": _("Calls about this customer"),
}


class Link(NamedTuple):
    """Where it leads, and what stands there."""

    url: str
    text: str


def of_customer(request: HttpRequest, customer: Customer) -> Iterator[Link]:
    """Give the lists that this visitor may see, of this customer alone."""
    for model, text in LISTS.items():
        what = customer.email if model == "mailmessage" else customer.number
        if what and (link := to_list(request, model, what, text)):
            yield link


def to_list(
    request: HttpRequest, model: str, what: str, text: str | Promise, name: str = "q"
) -> Link | None:
    """Give one of Sespan's lists, searched for this; None where this visitor may not see it."""
    if not request.user.has_perm(f"sespan.view_{model}"):
        return None
    return Link(f"{_reverse(model, 'changelist')}?{urlencode({name: what})}", str(text))


def to_row(request: HttpRequest, model: str, key: Any, text: str | Promise) -> Link | None:
    """Give the page of one row; None where this visitor may not see it."""
    if not request.user.has_perm(f"sespan.view_{model}"):
        return None
    return Link(_reverse(model, "change", key), str(text))


def to_page(name: str, key: Any, text: str | Promise) -> Link | None:
    """Give a page of the bridge; None where the site left it out."""
    try:
        return Link(reverse(f"django_sespan:{name}", args=[key]), str(text))
    except NoReverseMatch:
        return None


def written(links: list[Link | None]) -> str:
    """Write them one below the other."""
    there = [link for link in links if link is not None]
    return format_html_join("", '<div><a href="{}">{}</a></div>', there)


def name_of(customer: Customer | None, gone: str | None = "") -> str | None:
    """Write a customer: the name leads to the site's page of the account."""
    if customer is None:
        return None
    if not customer.name:
        text = _("customer %(number)s, no account any more") % {"number": customer.number}
        return format_html('{}<span class="quiet sespan-below">{}</span>', gone or "", text)
    name = customer.name
    if customer.url:
        name = format_html('<a href="{}">{}</a>', customer.url, name)
    detail = format_html('<span class="quiet sespan-below">{}</span>', customer.detail)
    return format_html("{}{}", name, detail if customer.detail else "")


def _reverse(model: str, page: str, *keys: Any) -> str:
    return reverse(f"admin:sespan_{model}_{page}", args=keys)
