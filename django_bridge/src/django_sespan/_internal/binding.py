"""Report, after the site's own migrations, a stale binding of the user table."""

from __future__ import annotations

import sys
from typing import Any

from django.db import DatabaseError, connections, transaction

from django_sespan.conf import get_settings


def after_migrate(*, using: str, verbosity: int = 1, **options: Any) -> None:
    """Receiver of `post_migrate`: print what is wrong and how to fix it; never stop a migration."""
    if verbosity < 1 or using != get_settings().database:
        return
    state = binding_state(using)
    if state is not None and state != "bound":
        out = options.get("stdout") or sys.stdout
        out.write(f"  Sespan: customers are {state}. Run: sespan bind-customers\n")


def binding_state(using: str) -> str | None:
    """Return `bound`, or `unbound`, `stale` or `refused` with the reason; None without Sespan."""
    if connections[using].vendor != "postgresql":
        return None
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("SELECT to_regprocedure('sespan.customer_binding_state()') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return None
            cursor.execute("SELECT sespan.customer_binding_state()")
            state: str = cursor.fetchone()[0]
            return state
    except DatabaseError:
        return None  # a login without the right to ask
