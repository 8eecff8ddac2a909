"""Registrations of an address that has an account are remembered like real ones.

A second registration with another password replaces a real one, and must wait a minute for
its code. Without this memory the pretended one would not have to, and the wait would tell
that the address was free. Kept is the hash, in the site's cache, for as long as a challenge
takes further codes; a cache that forgets sooner makes the two differ, and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.views.decorators.debug import sensitive_variables

logger = logging.getLogger(__name__)

LIFE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Shadow:
    """What is remembered of an address, and whether the password is the same again."""

    key: str
    other: bool  # a registration with another password went before

    def remember(self, password_hash: str) -> None:
        """Let this be the registration under way."""
        try:
            cache.set(self.key, password_hash, LIFE_SECONDS)
        except Exception:
            logger.exception("The cache does not answer; a registration is not remembered")


@sensitive_variables()
def look(email: str, password: str) -> Shadow:
    """Look an address up. Hashes once, whatever it finds."""
    key = f"sespan.shadow.{hashlib.sha256(email.lower().encode()).hexdigest()[:32]}"
    try:
        before = cache.get(key)
    except Exception:
        logger.exception("The cache does not answer; no registration is remembered")
        before = None
    if not isinstance(before, str):
        make_password(password)
        return Shadow(key, other=False)
    return Shadow(key, other=not check_password(password, before))
