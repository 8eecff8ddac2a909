"""Calls to Sespan never happen inside an open database transaction.

The service is another session of the same database: it does not see rows that the
site has not committed, and it may wait for a row that the site has locked while the
site waits for its answer. PostgreSQL cannot detect that deadlock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import connections, transaction

from django_sespan.errors import InsideTransaction

View = TypeVar("View", bound=Callable[..., object])


def refuse_transaction() -> None:
    """Raise InsideTransaction when any connection of this thread has a transaction open.

    The wrapping transaction of Django's TestCase does not count, as it does not for
    `atomic(durable=True)`.
    """
    for connection in connections.all(initialized_only=True):
        blocks = [
            block
            for block in connection.atomic_blocks
            if not getattr(block, "_from_testcase", False)
        ]
        manual = not connection.in_atomic_block and not connection.autocommit
        if blocks or (manual and connection.connection is not None):
            raise InsideTransaction(
                f"A transaction is open on the database {connection.alias!r}. "
                "Commit first, then call Sespan (with ATOMIC_REQUESTS, mark the view "
                "transaction.non_atomic_requests)."
            )


def non_atomic(view: View) -> View:
    """`transaction.non_atomic_requests` for every database of the site."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
