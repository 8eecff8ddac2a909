"""Names of what the bridge keeps in the site's cache."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from django.apps import apps

from django_sespan.conf import get_settings

if TYPE_CHECKING:
    from django_sespan.apps import SespanConfig


def cache_key(kind: str, value: str) -> str:
    """Give a key that does not show the value. Each test of a site has keys of its own."""
    run = ""
    if get_settings().in_memory:
        run = cast("SespanConfig", apps.get_app_config("sespan")).testing.run
    digest = hashlib.sha256(f"{run}:{value}".encode()).hexdigest()[:32]
    return f"sespan.{kind}.{digest}"
