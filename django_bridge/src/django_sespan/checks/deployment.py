"""The checks of `manage.py check --deploy`."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage

from django_sespan.checks.findings import found_settings, warning


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Check how browsers reach Sespan."""
    settings = found_settings()
    if (
        not settings.public_url
        or settings.public_is_path
        or settings.public_url.startswith("https:")
    ):
        return []
    hint = "Give SESPAN['PUBLIC_URL'] an https address, or a path behind the site's proxy."
    return [warning("W002", "Browsers reach Sespan without TLS.", hint)]
