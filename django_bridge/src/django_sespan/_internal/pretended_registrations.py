"""Registrations of addresses that have an account, where all processes of the site find them.

They stand in Sespan's database (`sespan.pretended_registration`) for a week, under hashes of the
address and of the user name.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils.connection import ConnectionDoesNotExist

from django_sespan._internal.address import key_or_text
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What is kept of one: whose account the address has, and the hash of the password."""

    customer_id: Any
    password: str = field(repr=False)


class PretendedRegistrations:
    """`sespan.pretended_begin` and its siblings on Sespan's database.

    Where the database does not answer, it is logged and none is known.
    """

    def begin(
        self, email: str, name: str, password: str, customer_id: Any, *, pretended: bool
    ) -> None:
        """Keep a pretended one; of a real one keep nothing, and do the same for it.

        Raises IntegrityError where another address has the name. Called in the transaction of
        the registration, which then holds address and name until it ends.
        """
        values = [key_or_text(email), name, password, customer_id, pretended]
        self._ask("SELECT sespan.pretended_begin(%s, %s, %s, %s::bigint, %s)", values)

    def find(self, login: str) -> Kept | None:
        """Return the one of an address, or else of a user name."""
        query = "SELECT * FROM sespan.pretended_find(%s, %s)"
        row = self._ask(query, [key_or_text(login), login])
        return Kept(*row) if row is not None and row[1] is not None else None

    def end(self, email: str, password: str) -> None:
        """Forget the one of an address, where it still has this hash of a password."""
        self._ask("SELECT sespan.pretended_end(%s, %s)", [key_or_text(email), password])

    def takes_name(self, name: str, email: str) -> bool:
        """Whether the one of another address has this user name."""
        query = "SELECT sespan.pretended_takes_name(%s, %s)"
        row = self._ask(query, [name, key_or_text(email)])
        return row is not None and bool(row[0])

    def _ask(self, query: str, values: list[Any]) -> Any:
        try:
            connection = connections[get_settings().database]
        except ConnectionDoesNotExist as exc:  # the registration itself says what to set
            logger.warning("No pretended registration is known or kept: %s", exc)
            return None
        if connection.vendor != "postgresql":
            return None
        # A savepoint where the site is in a transaction: an error must not abort it.
        alone = connection.get_autocommit() and not connection.in_atomic_block
        guard = nullcontext() if alone else transaction.atomic(using=connection.alias)
        try:
            with guard, connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchone()
        except IntegrityError:
            raise
        except DatabaseError as exc:
            reason = (str(exc).splitlines() or [type(exc).__name__])[0]
            logger.warning("No pretended registration is known or kept: %s", reason)
            return None
