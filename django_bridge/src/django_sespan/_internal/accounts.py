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
from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast, Collate, Lower, Upper

from django_sespan import errors
from django_sespan._internal import address
from django_sespan._internal.runtime import runtime
from django_sespan._internal.user_rows import has_logged_in, readable


@dataclass(frozen=True)
class KnownAccount:
    """The account that an address has, and whether a new registration may replace it."""

    user: AbstractBaseUser
    unverified: bool


def users_alias() -> str:
    """Return the database that users are written to; a replica may be behind it."""
    return router.db_for_write(get_user_model())


def all_users() -> QuerySet[Any]:
    """Return all users where they are written, whoever the site's managers hide."""
    return readable(get_user_model()._base_manager.using(users_alias()))


def with_key(key: Any) -> AbstractBaseUser | None:
    """Return the user of this key as it was written, whoever the site's managers hide."""
    return all_users().filter(pk=key).first()


def with_email(email: str, *, hidden: bool = False) -> QuerySet[Any]:
    """Return the accounts of this address, however it is spelled.

    An active one comes first, then the oldest: one that was banned must not come back as a
    newer registration of the same address. `hidden`: those too that the site's manager hides.
    """
    users = all_users()
    if not hidden:
        users = readable(get_user_model()._default_manager.using(users_alias()))
    return of_address(users, email).order_by(F("is_active").desc(nulls_last=True), "pk")


def of_address(users: QuerySet[Any], email: str) -> QuerySet[Any]:
    """Filter users by the address key.

    The indexes that sites have, on UPPER or LOWER of the column, find candidates where the
    database's locale pairs i with I; in another one, an index on LOWER(... COLLATE "C") finds
    them. Believed is whose address is a spelling of the same key but for the case of ASCII
    letters, whatever the locale.
    """
    field = users.model.get_email_field_name()
    spelled = address.spellings(email)
    column: Any = F(field)
    connection = connections[users.db]
    if connection.vendor == "postgresql":
        column = Collate(Cast(field, TextField()), "C")
        if _pairs_letters(connection, users.model):
            users = users.alias(sespan_upper=Upper(field), sespan_lower=Lower(field)).filter(
                sespan_upper__in=[Upper(Value(s)) for s in spelled],
                sespan_lower__in=[Lower(Value(s)) for s in spelled],
            )
    users = users.alias(sespan_address=Lower(column))
    return users.filter(sespan_address__in=[address.fold_ascii(s) for s in spelled])


def _pairs_letters(connection: Any, model: Any) -> bool:
    """Whether UPPER and LOWER of the address pair i with I in this database.

    As for the service: `customer_collation_plain` of the column that is bound.
    """
    place = (connection.alias, connection.settings_dict["NAME"], model._meta.label)
    if place not in _PAIRS:
        own = getattr(model._meta.get_field(model.get_email_field_name()), "db_collation", None)
        collation = f" COLLATE {connection.ops.quote_name(own)}" if own else ""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT UPPER('i'{collation}) = 'I', LOWER('I'{collation}) = 'i'")
            _PAIRS[place] = all(cursor.fetchone())
    return _PAIRS[place]


_PAIRS: dict[tuple[str, str, str], bool] = {}
"""By database and model, what does not change while a site runs."""


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
    if user is None or user.is_active or has_logged_in(user):
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
        cursor.execute(query, [f"sespan.registration:{address.key_or_text(email)}"])


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
    locked: AbstractBaseUser | None = readable(users).select_for_update().filter(pk=user.pk).first()
    if locked is None or locked.password != user.password:
        raise errors.SespanUnavailable("the account was changed meanwhile")
    if locked.is_active or has_logged_in(locked):
        return None
    return locked
