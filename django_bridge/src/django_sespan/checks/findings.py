"""The messages of the checks, and the settings that they look at."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.core.checks import Error, Info
from django.core.checks import Warning as CheckWarning

from django_sespan.conf import SespanSettings


def error(number: str, message: str, hint: str) -> Error:
    """Make an error: this cannot work."""
    return Error(message, hint=hint, id=f"sespan.{number}")


def warning(number: str, message: str, hint: str) -> CheckWarning:
    """Make a warning: this is probably not intended, or cannot work yet."""
    return CheckWarning(message, hint=hint, id=f"sespan.{number}")


def info(number: str, message: str, hint: str) -> Info:
    """Make an info: it works, and somebody may miss something."""
    return Info(message, hint=hint, id=f"sespan.{number}")


def raw_settings() -> dict[Any, Any]:
    """Return `SESPAN` as it stands, {} when it is missing or no dict."""
    raw = getattr(django_settings, "SESPAN", None)
    return raw if isinstance(raw, dict) else {}


def found_settings() -> SespanSettings:
    """Return `SESPAN` as the bridge reads it."""
    return SespanSettings.from_dict(raw_settings())
