"""A code form that was sent twice: what the second request is answered.

The code was correct, and the login gave the session another key.

A browser that sends the form twice may throw the first answer away, and with it the new
session. What it sends then is the old key. That must not log anybody in, because whoever
planted it would be logged in too; but it is enough to confirm that the address is verified.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from django_sespan._internal.runtime import runtime

logger = logging.getLogger(__name__)

LIFE_SECONDS = 600


def remember(session_key: str | None, destination: str) -> None:
    """Remember where a session that is logged in now went on, by its old key."""
    if not session_key:
        return
    try:
        cache.set(runtime.cache_key("double_submit", session_key), destination, LIFE_SECONDS)
    except Exception:
        logger.exception("The cache does not answer; a second submit has to log in")


def forget(session_key: str | None) -> None:
    """Undo `remember`: the login failed."""
    try:
        cache.delete(runtime.cache_key("double_submit", session_key or ""))
    except Exception:
        logger.exception("The cache does not answer; a failed login is not taken back")


def find_destination(request: HttpRequest) -> str | None:
    """Return where the session of this old key went on, None when it is not known.

    The old cookie is left out of account from here on: Django would delete it, and with it
    the newer one of the same name, which the browser may have got meanwhile.
    """
    old = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not old:
        return None
    try:
        destination = cache.get(runtime.cache_key("double_submit", old))
    except Exception:
        logger.exception("The cache does not answer; a second submit has to log in")
        return None
    if not isinstance(destination, str):
        return None
    del request.COOKIES[settings.SESSION_COOKIE_NAME]
    return destination
