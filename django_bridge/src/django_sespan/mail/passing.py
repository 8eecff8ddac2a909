"""Which faults of the database pass: the same mail may be queued a little later."""

from __future__ import annotations

from django.db import Error, InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
"""SQLSTATE classes: connection, rolled back, resources, locks, intervention, system."""
STATES = frozenset({"25006", "25P02", "25P03", "25P04"})
"""Read-only (a full disk, a server that is changing its role), broken or timed out transactions."""


def is_passing(error: Exception) -> bool:
    """Whether trying again, in a transaction of its own, may end otherwise."""
    if not isinstance(error, Error):
        return False
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state:
        return state[:2] in CLASSES or state in STATES
    # Without an answer of the server: no connection, or one that broke.
    return isinstance(error, OperationalError | InterfaceError | TransactionManagementError)
