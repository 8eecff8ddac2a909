"""The visitor's address when one proxy stands before the shop (BEHIND_PROXY=1)."""

from __future__ import annotations

from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """Return the last address of X-Forwarded-For: the one that our own proxy wrote.

    Everything before it came from the visitor and proves nothing.
    """
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    return hops[-1] or None
