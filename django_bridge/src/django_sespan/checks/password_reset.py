"""Whether the pages that mail a link for a new password are under the budgets of mails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.views import PasswordResetView
from django.core.checks import CheckMessage
from django.urls import URLPattern, URLResolver, get_resolver

from django_sespan.checks.findings import warning


def check_password_reset(**_: Any) -> list[CheckMessage]:
    """Warn of each view of Django's whose form counts no mails."""
    from django_sespan.forms import PasswordResetMixin  # noqa: PLC0415  (forms need the models)

    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    return [
        warning(
            "W023",
            f"The password reset {pattern.name or str(pattern.pattern)!r} has no limit: a stranger "
            "can have as many mails sent to any address as they like.",
            "Give its view form_class=django_sespan.forms.PasswordResetForm, or let its own form "
            "begin with PasswordResetMixin.",
        )
        for pattern, form in _resets(get_resolver().url_patterns)
        if not (isinstance(form, type) and issubclass(form, PasswordResetMixin))
    ]


def _resets(patterns: list[Any]) -> Iterator[tuple[URLPattern, Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _resets(pattern.url_patterns)
            continue
        view = getattr(pattern.callback, "view_class", None)
        if isinstance(view, type) and issubclass(view, PasswordResetView):
            given = getattr(pattern.callback, "view_initkwargs", {})
            yield pattern, given.get("form_class", view.form_class)
