"""Browsers that have verified an address before, by a signed cookie.

Mails and guesses of an address are limited, or strangers would flood it and guess. But then
strangers could use the limits up and so lock the owner out. A browser in which a code of the
address was entered once has limits of its own:

    challenge = get_client().otp_create(purpose="login", email=email,
                                        known_browser=is_known(request, email))

The bridge's pages do that themselves. The cookie names nobody: it holds keyed hashes.
"""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare, salted_hmac

from django_sespan._internal.address import key_or_text

COOKIE = "sespan_known"
LIFE_SECONDS = 365 * 24 * 3600
ADDRESSES = 5
"""How many addresses one browser keeps, the newest first."""

_SALT = "django_sespan.known_browser"


def is_known(request: HttpRequest | None, email: str) -> bool:
    """Whether a code of this address was entered in this browser within a year."""
    if request is None:
        return False
    own = _hash(email)
    # Not `any`: it takes as long whichever it is.
    return sum(constant_time_compare(own, known) for known in _known(request)) > 0


def remember(request: HttpRequest, response: HttpResponseBase, email: str) -> None:
    """Let the browser of this answer be known for an address whose code it gave."""
    own = _hash(email)
    known = [own, *(other for other in _known(request) if other != own)][:ADDRESSES]
    response.set_cookie(
        COOKIE,
        signing.dumps(known, salt=_SALT),
        max_age=LIFE_SECONDS,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _known(request: HttpRequest) -> list[str]:
    try:
        known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=LIFE_SECONDS)
    except signing.BadSignature:
        return []
    return [k for k in known if isinstance(k, str)] if isinstance(known, list) else []


def _hash(email: str) -> str:
    return salted_hmac(_SALT, key_or_text(email), algorithm="sha256").hexdigest()[:32]
