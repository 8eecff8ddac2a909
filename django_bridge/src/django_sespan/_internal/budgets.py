"""What strangers may cause: mails to an address and from a visitor, and guesses of a password.

The budgets and their limits stand in Sespan's database (`sespan.budget`), one for the service,
all processes of the site and all forms. A use is counted before it is made, under the lock of
its rows: however many posts come at once, no more of them pass.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from datetime import timedelta
from typing import Literal

from django.db import DatabaseError, connections, transaction

from django_sespan._internal.address import key_or_text
from django_sespan._internal.violations import without_rows
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

Noun = Literal["mails", "guesses"]


class Budgets:
    """`sespan.budget_take` and its siblings on Sespan's database; numbers are seconds to wait.

    Where the database does not answer, a use is made and logged: a registration without Sespan
    ends later, and a password reset must not depend on it.
    """

    def take(self, noun: Noun, email: str, *, known: bool, visitor: str | None) -> int:
        """Count a use and return 0, or count nothing and return how long to wait."""
        return self._ask("budget_take", noun, email, known, visitor)

    def wait(self, noun: Noun, email: str, *, known: bool, visitor: str | None) -> int:
        """Return how long to wait for a use, 0 where it may be made now; counts nothing."""
        return self._ask("budget_wait", noun, email, known, visitor)

    def give_back(self, noun: Noun, email: str, *, known: bool, visitor: str | None) -> None:
        """Take the newest use back: of a guess that was correct."""
        self._ask("budget_give_back", noun, email, known, visitor)

    def _ask(self, name: str, noun: Noun, email: str, known: bool, visitor: str | None) -> int:
        connection = connections[get_settings().database]
        if connection.vendor != "postgresql":
            return 0
        query = f"SELECT sespan.{name}(%s, %s, %s, %s::inet)"
        # A savepoint where the site is in a transaction: an error must not abort it.
        alone = connection.get_autocommit() and not connection.in_atomic_block
        guard = nullcontext() if alone else transaction.atomic(using=connection.alias)
        try:
            with guard, connection.cursor() as cursor:
                cursor.execute(query, [noun, key_or_text(email), known, visitor])
                found = cursor.fetchone()[0]
        except DatabaseError as exc:
            without_rows(exc)
            logger.warning("%s is not answered, nothing is counted: %s", name, exc)
            return 0
        return _seconds(found) if isinstance(found, timedelta) else 0


def _seconds(wait: timedelta) -> int:
    return max(0, -int(-wait.total_seconds() // 1))
