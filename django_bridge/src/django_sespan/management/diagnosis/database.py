"""The schema `sespan` as the site's own login sees it: the system checks, and the clock."""

from __future__ import annotations

import time
from typing import Any

from django.db import DatabaseError, connections, transaction

from django_sespan.checks import check_database
from django_sespan.conf import get_settings
from django_sespan.management.diagnosis import DiagnosisFailed

FATAL = frozenset({"sespan.E015", *(f"sespan.W0{number}" for number in (10, 13, 14, 17, 20))})
"""Without these no mail and no code goes out; the others are mentioned."""

TOLERANCE = 5.0

STATE = """
SELECT current_user, extract(epoch FROM clock_timestamp()),
    (SELECT max(version) FROM sespan.schema_version),
    (SELECT format('%I.%I is bound', table_schema, table_name) FROM sespan.customer_binding),
    has_table_privilege('sespan.api_key', 'SELECT')
"""


def check() -> str:
    """Look at schema, binding, trigger, rights and clock."""
    using = get_settings().database
    messages = [m for m in check_database([using]) if not m.is_silenced()]
    for message in messages:
        if message.id in FATAL:
            raise DiagnosisFailed(f"{message.id}: {message.msg}", str(message.hint))
    login, there, version, bound, dumps = _state(using)
    apart = abs(time.time() - float(there))
    if apart > TOLERANCE:
        raise DiagnosisFailed(
            f"The database's clock differs by {apart:.0f} s from this machine's.",
            "Let both follow NTP.",
        )
    notes = ", ".join(sorted({str(message.id) for message in messages}))
    more = f"; to look at: {notes} of manage.py check --database {using}" if notes else ""
    if not dumps:  # docs/django-operations.md, Backups
        more += f"; a pg_dump as {login} needs --exclude-schema=sespan"
    return f"schema {version}, {bound or 'no customers are bound'}, {login} may enqueue{more}"


def _state(using: str) -> tuple[Any, ...]:
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(STATE)
            row: tuple[Any, ...] = cursor.fetchone()
    except DatabaseError as exc:
        raise DiagnosisFailed(
            str(exc).splitlines()[0], "sespan doctor --env-file sespan.env"
        ) from exc
    return row
