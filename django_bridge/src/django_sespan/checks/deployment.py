"""The checks of `manage.py check --deploy`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage

from django_sespan.checks.findings import found_settings, warning
from django_sespan.conf import SespanSettings


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Check how browsers reach Sespan."""
    return list(_tls(found_settings()))


def _tls(settings: SespanSettings) -> Iterator[CheckMessage]:
    if (
        not settings.public_url
        or settings.public_is_path
        or settings.public_url.startswith("https:")
    ):
        return
    hint = "Give SESPAN['PUBLIC_URL'] an https address, or a path behind the site's proxy."
    yield warning("W002", "Browsers reach Sespan without TLS.", hint)
