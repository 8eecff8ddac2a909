"""The site's accounts as a registration finds them: by e-mail address, verified or not.

An account is unverified while it waits for its first code: inactive, never logged in, and
its right to be activated unused. Only such an account may give way to a newer registration
of its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connections, router
from django.db.models import QuerySet

from django_sespan import errors
from django_sespan._internal.runtime import runtime


@dataclass(frozen=True)
class KnownAccount:
    """The account that an address has, and whether a new registration may replace it."""

    user: AbstractBaseUser
    unverified: bool


def users_alias() -> str:
    """Return the database that users are written to; a replica may be behind it."""
    return router.db_for_write(get_user_model())


def with_key(key: Any) -> AbstractBaseUser | None:
    """Return the user of this key as it was written, whoever the site's managers hide."""
    users: QuerySet[Any] = get_user_model()._base_manager.using(users_alias())
    return users.filter(pk=key).first()


def with_email(email: str, *, hidden: bool = False) -> QuerySet[Any]:
    """Return the accounts of this address, in whatever case it is written.

    An active one comes first, then the oldest: one that was banned must not come back as a
    newer registration of the same address. `hidden`: those too that the site's manager hides.
    """
    model: Any = get_user_model()
    manager = model._base_manager if hidden else model._default_manager
    users: QuerySet[Any] = manager.using(users_alias()).filter(
        **{f"{model.get_email_field_name()}__iexact": email}
    )
    return users.order_by("-is_active", "pk")


def find_account(email: str, *, before: KnownAccount | None = None) -> KnownAccount | None:
    """Return the account of this address.

    `before` is what an earlier look-up gave: of the same account the right is asked once.
    """
    user = with_email(email).first()
    if user is None:
        return None
    if before is not None and before.user.pk == user.pk:
        return KnownAccount(user, before.unverified and not user.is_active)
    return KnownAccount(user, is_unverified(user))


def is_unverified(user: AbstractBaseUser | None) -> bool:
    """Whether an account waits for its first code.

    Somebody who was banned or was never given the right does not.
    """
    if user is None or user.is_active or user.last_login is not None:
        return False
    return runtime.registrations.right(user) == "live"


def lock_address(email: str, using: str) -> None:
    """Wait for whoever registers this address now; held until the transaction ends.

    Few user models have a unique address.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        query = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%s, 0))"
        cursor.execute(query, [f"sespan.registration:{email.lower()}"])


def lock_unverified(user: AbstractBaseUser, *, supersede: bool) -> AbstractBaseUser | None:
    """Lock it until the transaction ends; None when it is not unverified any more.

    The lock order is the service's: challenges first, the customer after them. A code that
    is being verified is then either used up before, or superseded by this. Without
    `supersede` only the customer is locked: the same visitor's code goes on.

    Raises SespanUnavailable when that cannot be had now.
    """
    result = runtime.registrations.supersede(user) if supersede else "live"
    if result == "ended":
        return None
    if result == "unknown":
        raise errors.SespanUnavailable("the older registration could not be superseded")
    # Not the default manager: PostgreSQL locks no outer joins that one may bring.
    users: QuerySet[AbstractBaseUser] = type(user)._base_manager.using(users_alias())
    locked = users.select_for_update().filter(pk=user.pk).first()
    if locked is None or locked.password != user.password:
        raise errors.SespanUnavailable("the account was changed meanwhile")
    if locked.is_active or locked.last_login is not None:
        return None
    return locked
