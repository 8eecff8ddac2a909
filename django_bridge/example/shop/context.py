"""What every page's frame needs."""

from __future__ import annotations

from django.http import HttpRequest

from orders.cart import Cart


def cart(request: HttpRequest) -> dict[str, Cart]:
    """Give templates the cart; it is read from the session only when a page asks its length."""
    return {"cart": Cart(request.session)} if hasattr(request, "session") else {}
