"""The schema `sespan` as the site's own login finds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from django_sespan.binding import binding_state
from django_sespan.conf import get_settings
from django_sespan.management.hops import Trouble

INIT = "sespan init --dsn postgres://… --table …"
TOLERANCE = 5.0

SCHEMA = """
SELECT has_schema_privilege(n.oid, 'USAGE'), current_user, clock_timestamp()
FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'sespan'
"""
VERSION = "SELECT max(version) FROM sespan.schema_version"
ENQUEUE = """
SELECT bool_or(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'sespan'::regnamespace AND p.proname = 'mail_enqueue'
"""
TRIGGER = """
SELECT t.tgenabled <> 'D' FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid = 'sespan.mail_queue'::regclass AND t.tgname = 'mail_ring'
"""
BOUND = """
SELECT c.oid = to_regclass(%s), format('%%I.%%I', b.table_schema, b.table_name)
FROM sespan.customer_binding AS b
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = b.table_schema
LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = b.table_name
"""


def look() -> str:
    """Look at schema, binding, trigger, rights and clock."""
    using = get_settings().database
    login = _schema(using)
    rows: Any = _one(using, VERSION)
    version = rows[0] if rows and rows[0] is not None else "?"
    if not (_one(using, ENQUEUE) or [False])[0]:
        raise Trouble(f"The login {login} may not enqueue mails.", f"{INIT} --site-login {login}")
    rings = (_one(using, TRIGGER) or [False])[0]
    bell = "" if rings else "; its trigger is off, so that mails wait for the next poll"
    return f"schema {version}, {_binding(using)}, {login} may enqueue{bell}"


def _schema(using: str) -> str:
    try:
        found = _one(using, SCHEMA)
    except DatabaseError as exc:
        raise Trouble(_line(exc), f"Correct DATABASES[{using!r}], or start its server.") from exc
    if found is None:
        raise Trouble("The database has no schema sespan.", INIT)
    usable, login, there = found
    if not usable:
        raise Trouble(
            f"The login {login} may not use the schema sespan.", f"{INIT} --site-login {login}"
        )
    _clock("database", there)
    return str(login)


def _binding(using: str) -> str:
    state = binding_state(using)
    table = get_user_model()._meta.db_table
    mend = f"sespan bind-customers --table public.{table}"
    if state != "bound":
        raise Trouble(f"The customers are {state or 'not to be seen by this login'}.", mend)
    found = _one(using, BOUND, [connections[using].ops.quote_name(table)])
    if found is None:
        raise Trouble("No table is bound.", mend)
    same, bound = found
    if not same:
        raise Trouble(f"Bound is {bound}, but the user model's table is {table}.", mend)
    return f"{bound} is bound"


def _clock(whose: str, there: datetime) -> None:
    apart = abs((timezone.now() - there).total_seconds())
    if apart > TOLERANCE:
        raise Trouble(
            f"The {whose}'s clock differs by {apart:.0f} s from this machine's.",
            "Let both follow NTP.",
        )


def _one(using: str, query: str, values: list[str] | None = None) -> tuple[Any, ...] | None:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(query, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
