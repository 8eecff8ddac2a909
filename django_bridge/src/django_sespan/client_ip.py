"""The IP address of the visitor."""

from __future__ import annotations

import logging
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

PROXY_SETTINGS = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
"""Django's settings that only make sense behind a proxy."""


def remote_addr(request: HttpRequest) -> str | None:
    """Return the peer's address: right where no proxy stands before the site."""
    address = request.META.get("REMOTE_ADDR")
    return str(address) if address else None


def visitor(request: HttpRequest | None) -> str | None:
    """Return whose budget a use draws on, None when the visitors cannot be told apart.

    Behind a proxy without `CLIENT_IP` all of them have the proxy's address (check W003).
    """
    if not get_settings().client_ip_path and behind_proxy():
        return None
    return client_ip(request)


def behind_proxy() -> list[str]:
    """Return those of Django's settings that say that the site stands behind a proxy."""
    return [name for name in PROXY_SETTINGS if getattr(settings, name, None)]


def client_ip(request: HttpRequest | None) -> str | None:
    """Return the visitor's address by the site's `CLIENT_IP`, None when it is no address.

    A fault in the site's own callable is logged and never stops a request.
    """
    if request is None:
        return None
    try:
        address = get_settings().client_ip(request)
    except Exception:
        logger.exception("SESPAN['CLIENT_IP'] failed")
        return None
    try:
        return str(ip_address(str(address).strip())) if address else None
    except ValueError:
        logger.warning("SESPAN['CLIENT_IP'] returned something that is no IP address")
        return None
