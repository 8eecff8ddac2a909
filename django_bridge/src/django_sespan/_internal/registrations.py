"""Who may still be activated by a code: the site's own part of a registration, over SQL.

    register(user)  in the site's transaction, after the INSERT of a customer or before the
                    UPDATE that replaces an unverified one's password and data
    right(user)     a look, without locks
    unused(before)  registrations that nobody finished, for `sespan_prune_unverified`

The mark is written with the customer, so it is there even when the service was away, and a
rolled-back registration leaves none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, connections, router, transaction

from django_sespan.conf import get_settings

if TYPE_CHECKING:
    from django_sespan.apps import SespanConfig

logger = logging.getLogger(__name__)

Mark = Literal["granted", "live", "ended", "unknown"]
"""What `register` found: a right given now, one that is unused, none to be had, or no answer."""

Right = Literal["live", "ended", "none", "unknown"]

PORTION = 500


class Registrations:
    """`sespan.otp_register`, `otp_right` and `otp_unused` on the user model's database.

    Without the schema, without a binding, or where the users live elsewhere, the answer
    is `unknown`; the transaction around it goes on as if nothing had been asked.
    """

    def register(self, user: AbstractBaseUser) -> Mark:
        """Mark a customer of this transaction as new, and supersede their pending codes."""
        return cast("Mark", self._ask("SELECT sespan.otp_register(%s)", user))

    def right(self, user: AbstractBaseUser) -> Right:
        """Tell whether a code may still activate this customer."""
        return cast("Right", self._ask("SELECT sespan.otp_right(%s)", user))

    def unused(self, before: datetime, *, portion: int = PORTION) -> Iterator[int]:
        """Give the keys of customers whose right is older than `before` and unused, ascending.

        Each portion is a query of its own. Raises DatabaseError where the schema or the
        binding is missing: a command tells it, no page needs it.
        """
        after, using = 0, _alias()
        query = "SELECT * FROM sespan.otp_unused(%s, %s, %s)"
        while True:
            with connections[using].cursor() as cursor:
                cursor.execute(query, [before, after, portion])
                found = [row[0] for row in cursor.fetchall()]
            yield from found
            if len(found) < portion:
                return
            after = found[-1]

    def _ask(self, query: str, user: AbstractBaseUser) -> str:
        using = _alias()
        connection = connections[using]
        if using != get_settings().database or connection.vendor != "postgresql":
            return "unknown"
        # A savepoint where the site is in a transaction: an error must not abort it.
        alone = connection.get_autocommit() and not connection.in_atomic_block
        guard = nullcontext() if alone else transaction.atomic(using=using)
        try:
            with guard, connection.cursor() as cursor:
                cursor.execute(query, [user.pk])
                return str(cursor.fetchone()[0])
        except DatabaseError as exc:
            # Missing schema, SP001 (unbound or stale), no grant, a lock that was not to be had.
            logger.warning("Customer %s: %s is not answered: %s", user.pk, query, exc)
            return "unknown"


def get_registrations() -> Registrations:
    """Give the ones of this process; in a test run those of `django_sespan.testing`."""
    return cast(Registrations, cast("SespanConfig", apps.get_app_config("sespan")).registrations)


def is_unverified(user: AbstractBaseUser | None, *, own: bool = False) -> bool:
    """Whether an account waits for its first code: inactive, never logged in, right unused.

    Somebody who was banned or was never given the right is not. `own` says that this
    visitor's session made the account: enough where the database could not be told of it.
    """
    if user is None or user.is_active or user.last_login is not None:
        return False
    right = get_registrations().right(user)
    return right == "live" or (own and right != "ended")


def _alias() -> str:
    model: Any = get_user_model()
    return router.db_for_write(model)
