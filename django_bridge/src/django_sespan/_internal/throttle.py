"""A limit on guesses of a registration's password, for the page that asks for nothing else.

Django counts no failed logins, and Sespan's own limits begin with a code. Counted are the
visitor's address and the e-mail address, in the site's default cache: where that lives in
one process only, each process counts for itself. A cache that does not answer lets the
visitor pass and is logged.
"""

from __future__ import annotations

import logging

from django.core.cache import cache

from django_sespan._internal.runtime import runtime

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 900
PER_VISITOR = 20
PER_EMAIL = 10


def blocked(ip: str | None, email: str) -> bool:
    """Whether there were too many failures in the last quarter of an hour."""
    keys = _keys(ip, email)
    try:
        counts = cache.get_many(keys)
    except Exception:
        logger.exception("The cache does not answer; failures are not counted")
        return False
    return any(counts.get(key, 0) >= most for key, most in keys.items())


def failed(ip: str | None, email: str) -> None:
    """Count a failure; the window begins with the first."""
    try:
        for key in _keys(ip, email):
            if not cache.add(key, 1, WINDOW_SECONDS):
                cache.incr(key)
    except ValueError:
        return  # it expired meanwhile
    except Exception:
        logger.exception("The cache does not answer; a failure is not counted")


def _keys(ip: str | None, email: str) -> dict[str, int]:
    keys = {runtime.cache_key("resume.email", email.lower()): PER_EMAIL}
    if ip:
        keys[runtime.cache_key("resume.ip", ip)] = PER_VISITOR
    return keys
