"""Forms that count once: reloading the answer, or a second click, does not do it again."""

from __future__ import annotations

import logging
import secrets

from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest

from django_sespan._internal.runtime import runtime

logger = logging.getLogger(__name__)

SALT = "django_sespan.once"
LIFE_SECONDS = 12 * 3600
USED = "sespan_once"
REMEMBERED = 50
"""Used tickets in a session; one more and the oldest is forgotten."""


def ticket(request: HttpRequest) -> str:
    """Return what a form carries, for this person and half a day."""
    return signing.dumps([str(request.user.pk), secrets.token_urlsafe(9)], salt=SALT)


def take(request: HttpRequest, value: str) -> bool | None:
    """Use a ticket up. True: go on; False: it was used before; None: it is too old or another's.

    The session remembers it over all servers, the cache between two requests at once.
    """
    try:
        owner, name = signing.loads(value, salt=SALT, max_age=LIFE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if owner != str(request.user.pk):
        return None
    used = request.session.get(USED, [])
    if name in used or not _first(name):
        return False
    request.session[USED] = [*used, name][-REMEMBERED:]
    request.session.save()  # now: the answer may take a while, and the next click does not wait
    return True


def _first(name: str) -> bool:
    try:
        return bool(cache.add(runtime.cache_key("once", name), 1, LIFE_SECONDS))
    except Exception:
        logger.exception("The cache does not answer; the session alone remembers used forms")
        return True
