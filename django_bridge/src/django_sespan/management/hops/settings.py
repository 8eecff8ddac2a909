"""The site's settings: what `manage.py check` says of Sespan."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.utils.module_loading import import_string

from django_sespan.conf import get_settings
from django_sespan.mail import EmailBackend
from django_sespan.management.hops import Trouble

SERVICE_CHECKS = frozenset({"sespan.E001", "sespan.E003", "sespan.E004"})
"""What is missing where a site uses the mail queue alone."""


def uses_service() -> bool:
    """Whether the site talks to `sespan serve` at all, and not only to the mail queue."""
    found = get_settings()
    return bool(found.url or found.key)


def without_service() -> str:
    """Say why the service is not called; empty when it is."""
    if not uses_service():
        return "not used: SESPAN has neither URL nor KEY"
    return "" if get_settings().enabled else "not called: SESPAN['ENABLED'] is False"


def uses_mail() -> bool:
    """Whether the site's mails go through the queue."""
    path = _backend()
    try:
        backend: Any = import_string(path)
    except ImportError:
        return False
    return isinstance(backend, type) and issubclass(backend, EmailBackend)


def look() -> str:
    """Run the checks of this app."""
    found = checks.run_checks(tags=["sespan"])
    for message in found:
        spared = message.id in SERVICE_CHECKS and not uses_service()
        if message.level >= checks.ERROR and not spared:
            raise Trouble(f"{message.id}: {message.msg}", str(message.hint or "manage.py check"))
    warnings = sorted({str(m.id) for m in found if m.level == checks.WARNING})
    more = f"; to look at with manage.py check: {', '.join(warnings)}" if warnings else ""
    return f"{_service()}; {_mail()}{more}"


def _service() -> str:
    found = get_settings()
    if not uses_service():
        return "mail only: SESPAN has neither URL nor KEY"
    return found.url if found.enabled else f"{found.url}, switched off by SESPAN['ENABLED']"


def _mail() -> str:
    if uses_mail():
        return "mails are queued"
    return f"mails go through {_backend()}, not through the queue"


def _backend() -> str:
    # Django 6.1 has MAILERS; reading EMAIL_BACKEND beside it would warn.
    mailers = getattr(django_settings, "MAILERS", None)
    if mailers:
        return str(mailers.get("default", {}).get("BACKEND", "no backend"))
    return str(getattr(django_settings, "EMAIL_BACKEND", "no backend"))
