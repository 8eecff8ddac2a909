"""Where a visitor is sent after the code: never to another site."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def safe(request: HttpRequest, url: object) -> str:
    """Return the address where it stays on this site, else an empty string."""
    text = str(url or "")
    allowed = url_has_allowed_host_and_scheme(
        text, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return text if allowed else ""


def of(request: HttpRequest) -> str:
    """Return `next` of the form or of the address."""
    return safe(request, request.POST.get("next") or request.GET.get("next"))
