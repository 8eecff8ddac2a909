"""The checks of `manage.py check --deploy`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage

from django_sespan.checks.findings import found_settings, warning
from django_sespan.conf import SespanSettings


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Check how browsers reach Sespan, and what the processes of the site share."""
    settings = found_settings()
    return [*_tls(settings), *_cache(settings)]


def _tls(settings: SespanSettings) -> Iterator[CheckMessage]:
    if (
        not settings.public_url
        or settings.public_is_path
        or settings.public_url.startswith("https:")
    ):
        return
    hint = "Give SESPAN['PUBLIC_URL'] an https address, or a path behind the site's proxy."
    yield warning("W002", "Browsers reach Sespan without TLS.", hint)


def _cache(settings: SespanSettings) -> Iterator[CheckMessage]:
    """Pretended registrations lie in the default cache: each process must find them there."""
    if settings.mail_only or not settings.enabled or settings.in_memory:
        return
    if not isinstance(caches[DEFAULT_CACHE_ALIAS], LocMemCache | DummyCache):
        return
    yield warning(
        "W024",
        "The default cache is not shared between processes: from one that does not know of a "
        "registration, visitors learn whether its address had an account.",
        "Give CACHES['default'] a backend that all processes share (Redis, Memcached, or Django's "
        "own in the database). Where one process serves the whole site: "
        "SILENCED_SYSTEM_CHECKS = ['sespan.W024']",
    )
