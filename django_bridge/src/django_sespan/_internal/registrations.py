"""The right to be activated by a code: the site's own part of a registration, over SQL.

    require()        before a customer is made: raises where no right could be granted
    register(user)   in the site's transaction, after the INSERT of a customer: the only grant
    supersede(user)  in the site's transaction, before the UPDATE that replaces an unverified
                     one's password and data; grants nothing
    activated(user)  after a save: who is active without a code needs no right any more
    right(user)      a look, without locks
    unused(before)   registrations that nobody finished, for `sespan_prune_unverified`

The right is written with the customer, so it is there even when the service was away, and a
rolled-back registration leaves none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Literal, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, connections, router, transaction

from django_sespan import errors
from django_sespan._internal import customer_table
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

RegisterResult = Literal["granted", "live", "ended", "unknown"]
"""What `register` found: a right given now, one that is unused, none to be had, or no answer."""

SupersedeResult = Literal["live", "ended", "unknown"]

ActivationRight = Literal["live", "ended", "none", "unknown"]

PORTION = 500

MISSING = frozenset({"3F000", "42883"})
"""SQLSTATEs of a database without Sespan's schema, or with one that lacks the function."""


class Registrations:
    """`sespan.otp_register` and its siblings on the user model's database.

    Without the schema, without a binding, or where the users live elsewhere, the answer
    is `unknown`; the transaction around it goes on as if nothing had been asked. Where the
    users are of another table than the bound one, `require`, `register` and `supersede` raise
    CustomerTableMismatch; whoever is asked about is `unknown`.
    """

    def require(self) -> None:
        """Raise SespanMisconfigured where Sespan cannot be told of a new customer.

        Nothing is bound, the binding is stale, or the login lacks a right: a customer made
        now could never be activated.
        """
        using = _alias()
        if not _is_here(using):
            raise errors.SespanMisconfigured(
                f"Sespan is not in the PostgreSQL database of the users ({using!r}), so it "
                'cannot be told of new customers; see SESPAN["DATABASE"]'
            )
        try:
            with _guard(using), connections[using].cursor() as cursor:
                customer_table.ask(cursor, "sespan.otp_register(NULL)")
        except DatabaseError as exc:
            if (other := customer_table.mismatch(exc)) is not None:
                raise other from exc
            raise errors.SespanMisconfigured(
                f"Sespan cannot be told of new customers: {_first_line(exc)}; "
                "manage.py check --database and sespan doctor say what to do"
            ) from exc

    def register(self, user: AbstractBaseUser) -> RegisterResult:
        """Grant the right to a customer whom this transaction has inserted."""
        query = "sespan.otp_register(%s)"
        return cast("RegisterResult", self._ask(query, user, must_be_served=True))

    def supersede(self, user: AbstractBaseUser) -> SupersedeResult:
        """Supersede the pending codes of a customer who was there before; grants nothing."""
        query = "sespan.otp_supersede(%s)"
        return cast("SupersedeResult", self._ask(query, user, must_be_served=True))

    def activated(self, user: AbstractBaseUser) -> None:
        """End the right of a customer who is active without a code: a later ban holds.

        Asked after each save, so a site whom Sespan does not serve (yet) hears nothing of it.
        """
        self._ask("sespan.otp_activated(%s)", user, quiet=True)

    def right(self, user: AbstractBaseUser) -> ActivationRight:
        """Return whether a code may still activate this customer."""
        return cast("ActivationRight", self._ask("sespan.otp_right(%s)", user))

    def unused(self, before: datetime, *, portion: int = PORTION) -> Iterator[int]:
        """Yield the keys of customers whose right is older than `before` and unused, ascending.

        Each portion is a query of its own. Raises DatabaseError where the schema or the
        binding is missing: only a command asks.
        """
        after, using = 0, _alias()
        query = "SELECT * FROM sespan.otp_unused(%s, %s, %s)"
        while True:
            with connections[using].cursor() as cursor:
                customer_table.check(cursor)
                cursor.execute(query, [before, after, portion])
                keys = [row[0] for row in cursor.fetchall()]
            yield from keys
            if len(keys) < portion:
                return
            after = keys[-1]

    def _ask(
        self,
        query: str,
        user: AbstractBaseUser,
        *,
        must_be_served: bool = False,
        quiet: bool = False,
    ) -> str:
        using = _alias()
        if not _is_here(using):
            return "unknown"
        try:
            with _guard(using), connections[using].cursor() as cursor:
                return str(customer_table.ask(cursor, query, user.pk))
        except DatabaseError as exc:
            other = customer_table.mismatch(exc)
            if other is not None and must_be_served:
                raise other from exc
            # Missing schema, customers of another table, SP001 (unbound or stale), no grant, a lock
            # that was not to be had.
            elsewhere = other is not None or _sqlstate(exc) in MISSING
            level = logging.DEBUG if quiet and elsewhere else logging.WARNING
            reason = _first_line(exc)
            logger.log(level, "Customer %s: %s is not answered: %s", user.pk, query, reason)
            return "unknown"


def _sqlstate(error: DatabaseError) -> str:
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""


def _is_here(using: str) -> bool:
    return using == get_settings().database and connections[using].vendor == "postgresql"


def _guard(using: str) -> AbstractContextManager[Any]:
    """Set a savepoint where the site is in a transaction: an error must not abort it."""
    connection = connections[using]
    alone = connection.get_autocommit() and not connection.in_atomic_block
    return nullcontext() if alone else transaction.atomic(using=using)


def _first_line(error: DatabaseError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _alias() -> str:
    model: Any = get_user_model()
    return router.db_for_write(model)
