"""Registrations of an address that has an account are remembered like real ones.

Nothing is saved for them, so they would show in what comes after: a second registration
with another password would not have to wait for its code, and the password would be wrong
at the next login. With this memory the visitor gets the same wait and the same code form.

The user name is taken meanwhile, as a real registration takes it.

Kept are the hash, the name and the address, in the site's cache, for a week: a cache that
forgets sooner, or that each process has for itself, shows the difference then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.views.decorators.debug import sensitive_variables

from django_sespan._internal.address import key_or_text
from django_sespan._internal.runtime import runtime

logger = logging.getLogger(__name__)

LIFE_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class PretendedRegistration:
    """What is remembered under a login name, and whether this is its password."""

    email: str
    password_matches: bool


@sensitive_variables()
def look_up(login: str, password: str) -> PretendedRegistration | None:
    """Look up an address or a user name. Hashes once, whatever it finds."""
    keys = [
        _email_key(login),
        _name_key(login),
    ]
    try:
        entries = cache.get_many(keys)
    except Exception:
        logger.exception("The cache does not answer; no pretended registration is known")
        entries = {}
    for kept in entries.values():
        if isinstance(kept, Mapping) and isinstance(kept.get("password"), str):
            matches = check_password(password, kept["password"])
            return PretendedRegistration(str(kept.get("email")), matches)
    make_password(password)
    return None


def remember(email: str, name: str, password_hash: str) -> None:
    """Let this be the registration under way of an address."""
    kept = {"email": email, "name": name, "password": password_hash}
    keys = [_email_key(email), _name_key(name)]
    try:
        before = cache.get(keys[0])
        if isinstance(before, Mapping) and before.get("name") != name:
            cache.delete(_name_key(str(before.get("name"))))
        cache.set_many(dict.fromkeys(keys, kept), LIFE_SECONDS)
    except Exception:
        logger.exception("The cache does not answer; a pretended registration is not kept")


def takes_name(name: str, email: str) -> bool:
    """Whether the pretended registration of another address has this user name."""
    try:
        kept = cache.get(_name_key(name))
    except Exception:
        logger.exception("The cache does not answer; no pretended registration is known")
        return False
    return isinstance(kept, Mapping) and key_or_text(str(kept.get("email"))) != key_or_text(email)


def _email_key(email: str) -> str:
    return runtime.cache_key("pretended.email", key_or_text(email))


def _name_key(name: str) -> str:
    return runtime.cache_key("pretended.name", name)
