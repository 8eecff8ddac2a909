"""The site's settings: the results of `manage.py check` for Sespan."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.utils.module_loading import import_string

from django_sespan.conf import get_settings
from django_sespan.mail import EmailBackend
from django_sespan.management.diagnosis import DiagnosisFailed


def without_service() -> str:
    """Return why the service is not called; empty when it is."""
    settings = get_settings()
    if settings.mail_only:
        return "not used: SESPAN has neither URL nor KEY"
    return "" if settings.switched_on else "not called: SESPAN['ENABLED'] is False"


def uses_mail() -> bool:
    """Whether the site's mails go through the queue."""
    path = _backend()
    try:
        backend: Any = import_string(path)
    except ImportError:
        return False
    return isinstance(backend, type) and issubclass(backend, EmailBackend)


def check() -> str:
    """Run the checks of this app."""
    messages = [m for m in checks.run_checks(tags=["sespan"]) if not m.is_silenced()]
    for message in messages:
        if message.level >= checks.ERROR:
            raise DiagnosisFailed(
                f"{message.id}: {message.msg}", str(message.hint or "manage.py check")
            )
    warnings = sorted({str(m.id) for m in messages if m.level == checks.WARNING})
    more = f"; to look at with manage.py check: {', '.join(warnings)}" if warnings else ""
    return f"{_service()}; {_mail()}{more}"


def _service() -> str:
    settings = get_settings()
    if settings.mail_only:
        return "mail only: SESPAN has neither URL nor KEY"
    off = "" if settings.switched_on else ", switched off by SESPAN['ENABLED']"
    return f"{settings.url}{off}"


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
