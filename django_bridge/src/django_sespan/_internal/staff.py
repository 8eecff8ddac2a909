"""The roles of a person, from the site's own permissions, and the token that carries them."""

from __future__ import annotations

from functools import cache
from typing import Any

from django_sespan._internal.tokens import SigningKey, signing_key
from django_sespan.conf import get_settings

ROLES = {
    "admin": "sespan.administer",
    "dashboard": "sespan.view_dashboard",
    "report": "sespan.view_reports",
}
"""Role of the service → permission of the site; a superuser has all."""

GRAFANA_ROLES = frozenset({"admin", "dashboard"})
"""Who may see Grafana; `role_attribute_path` in `grafana/grafana.ini` says as what."""

MAX_NAME = 150


def roles_of(user: Any) -> tuple[str, ...]:
    """Return the roles of a user; none for somebody inactive or not logged in."""
    return tuple(role for role, permission in ROLES.items() if user.has_perm(permission))


def staff_token(user: Any, address: str | None = None) -> str:
    """Mint a token of five minutes; PermissionError without a role, ImproperlyConfigured.

    `address` is the person's, for the audit and the API log: Sespan sees the site's server.
    """
    roles = roles_of(user)
    if not roles:
        raise PermissionError(f"{user.pk} has no role")
    return _key().sign_staff(str(user.pk), display_name(user), roles, address)


def grafana_token(user: Any) -> str:
    """Mint Grafana's token; PermissionError without its roles, ImproperlyConfigured."""
    roles = roles_of(user)
    if not GRAFANA_ROLES & set(roles):
        raise PermissionError(f"{user.pk} has no role in Grafana")
    return _key().sign_grafana(str(user.pk), display_name(user), roles)


def _key() -> SigningKey:
    settings = get_settings()
    if settings.in_memory and settings.signing_key_file is None:
        return _key_of_a_test_run()  # nobody checks it, and a checkout has no such file
    return signing_key(settings.signing_key_file)


@cache
def _key_of_a_test_run() -> SigningKey:
    return SigningKey.generate()


def display_name(user: Any) -> str:
    """Return the login name as the audit shows it: printable, at most 150 characters."""
    name = "".join(c for c in str(user.get_username()) if c.isprintable())[:MAX_NAME].strip()
    return name or str(user.pk)
