"""Names of what the bridge keeps in the site's cache."""

from __future__ import annotations

import hashlib

from django_sespan._internal.runtime import runtime


def cache_key(kind: str, value: str) -> str:
    """Return a key that does not show the value."""
    digest = hashlib.sha256(f"{runtime.cache_prefix}:{value}".encode()).hexdigest()[:32]
    return f"sespan.{kind}.{digest}"
