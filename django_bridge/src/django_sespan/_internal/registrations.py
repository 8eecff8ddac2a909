"""The right to be activated by a code: the site's own part of a registration, over SQL.

    register(user)  in the site's transaction, after the INSERT of a customer or before the
                    UPDATE that replaces an unverified one's password and data
    right(user)     a look, without locks
    unused(before)  registrations that nobody finished, for `sespan_prune_unverified`

The right is written with the customer, so it is there even when the service was away, and a
rolled-back registration leaves none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Literal, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, connections, router, transaction

from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

RegisterResult = Literal["granted", "live", "ended", "unknown"]
"""What `register` found: a right given now, one that is unused, none to be had, or no answer."""

ActivationRight = Literal["live", "ended", "none", "unknown"]

PORTION = 500


class Registrations:
    """`sespan.otp_register`, `otp_right` and `otp_unused` on the user model's database.

    Without the schema, without a binding, or where the users live elsewhere, the answer
    is `unknown`; the transaction around it goes on as if nothing had been asked.
    """

    def register(self, user: AbstractBaseUser) -> RegisterResult:
        """Grant the right to a new customer of this transaction; supersede their pending codes."""
        return cast("RegisterResult", self._ask("SELECT sespan.otp_register(%s)", user))

    def right(self, user: AbstractBaseUser) -> ActivationRight:
        """Return whether a code may still activate this customer."""
        return cast("ActivationRight", self._ask("SELECT sespan.otp_right(%s)", user))

    def unused(self, before: datetime, *, portion: int = PORTION) -> Iterator[int]:
        """Yield the keys of customers whose right is older than `before` and unused, ascending.

        Each portion is a query of its own. Raises DatabaseError where the schema or the
        binding is missing: only a command asks.
        """
        after, using = 0, _alias()
        query = "SELECT * FROM sespan.otp_unused(%s, %s, %s)"
        while True:
            with connections[using].cursor() as cursor:
                cursor.execute(query, [before, after, portion])
                keys = [row[0] for row in cursor.fetchall()]
            yield from keys
            if len(keys) < portion:
                return
            after = keys[-1]

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


def _alias() -> str:
    model: Any = get_user_model()
    return router.db_for_write(model)
