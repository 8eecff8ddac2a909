"""Who is logged in, with the shop's own type."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.models import Customer


def current_customer(request: HttpRequest) -> Customer:
    """Return who is logged in; for views behind `login_required`."""
    if not isinstance(request.user, Customer):
        raise TypeError("nobody is logged in: the view lacks login_required")
    return request.user
