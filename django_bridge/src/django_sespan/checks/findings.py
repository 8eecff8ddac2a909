"""How a check says what it found."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.core.checks import Error
from django.core.checks import Warning as CheckWarning

from django_sespan.conf import SespanSettings


def error(number: str, message: str, hint: str) -> Error:
    """Say what cannot work."""
    return Error(message, hint=hint, id=f"sespan.{number}")


def warning(number: str, message: str, hint: str) -> CheckWarning:
    """Say what is probably not meant, or cannot work yet."""
    return CheckWarning(message, hint=hint, id=f"sespan.{number}")


def raw_settings() -> dict[Any, Any]:
    """Give `SESPAN` as it stands, {} when it is missing or no dict."""
    raw = getattr(django_settings, "SESPAN", None)
    return raw if isinstance(raw, dict) else {}


def found_settings() -> SespanSettings:
    """Give `SESPAN` as the bridge reads it."""
    return SespanSettings.from_dict(raw_settings())
