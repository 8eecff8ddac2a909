"""The state of the database: schema, binding, trigger, grants, prepared transactions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.db import Error, connections, transaction
from django.db.backends.utils import CursorWrapper

from django_sespan._internal import customer_table
from django_sespan.checks.findings import error, found_settings, warning
from django_sespan.checks.grants import check_grants
from django_sespan.conf import SCHEMA_VERSION

DOORBELL_OFF = "UPDATE sespan.mail_setting SET value = 'off' WHERE name = 'mail_doorbell'"


def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Ask `SESPAN["DATABASE"]`, when it is one of the databases that are to be checked."""
    settings = found_settings()
    using = settings.database
    if using not in (databases or ()) or using not in connections or settings.in_memory:
        return []
    if connections[using].vendor != "postgresql":
        return []  # E005
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            found = list(_check(cursor, mail_only=settings.mail_only))
        begun = [message.id for message in found] != ["sespan.W010"]
        return [*found, *_groups(databases or ())] if begun and not settings.mail_only else found
    except Error as exc:
        reason = (str(exc).splitlines() or [type(exc).__name__])[0]
        hint = "Try: sespan doctor"
        return [warning("W020", f"The state of {using!r} could not be read: {reason}", hint)]


def _groups(databases: Sequence[str]) -> Iterator[CheckMessage]:
    """Look for the groups of the roles, which `sespan_init` makes after the site's migrations."""
    from django_sespan._internal import groups  # noqa: PLC0415  (it imports models)

    if groups.alias() not in databases:
        return
    try:
        with transaction.atomic(using=groups.alias()):
            missing = groups.missing() if groups.tables_are_there() else {}
    except Error:
        return  # a login that may not read the site's own tables
    if missing:
        yield warning(
            "W021",
            f"The group {', '.join(missing.values())} is missing or has lost its permission: "
            f"it gives nobody the role {', '.join(missing)}.",
            "Run: manage.py sespan_init --groups-only",
        )


def _check(cursor: CursorWrapper, *, mail_only: bool) -> Iterator[CheckMessage]:
    if not _relation(cursor, "schema_version"):
        yield warning(
            "W010",
            "The database has no Sespan schema: mails and registrations will fail.",
            "Run: sespan init --dsn … --table …",
        )
        return
    yield from check_grants(cursor)
    yield from _version(cursor)
    if not mail_only:
        yield from _binding(cursor)
        yield from _tiers(cursor)
    yield from _trigger(cursor)
    yield from _two_phase(cursor)


def _version(cursor: CursorWrapper) -> Iterator[CheckMessage]:
    if not _may_read(cursor, "schema_version"):
        return  # W017 names the grant
    cursor.execute("SELECT version FROM sespan.schema_version")
    (version,) = cursor.fetchone() or (0,)
    if version < SCHEMA_VERSION:
        yield warning(
            "W011",
            f"Sespan's schema has version {version}; this bridge was made for {SCHEMA_VERSION}.",
            "Run: sespan migrate up",
        )
    elif version > SCHEMA_VERSION:
        yield warning(
            "W012",
            f"Sespan's schema has version {version}; this bridge knows {SCHEMA_VERSION}.",
            "It goes on working; update when you can: pip install --upgrade django-sespan",
        )


def _binding(cursor: CursorWrapper) -> Iterator[CheckMessage]:
    cursor.execute(
        "SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.proname = 'customer_binding_state' "
        "AND p.pronamespace = %s::regnamespace "
        "AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')",
        ["sespan"],
    )
    if cursor.fetchone() is None or not _may_read(cursor, "customer_binding"):
        return  # W017
    cursor.execute("SELECT sespan.customer_binding_state()")
    state = str(cursor.fetchone()[0])
    table = customer_table.find(cursor)
    hint = f"Run: sespan bind-customers --table {shlex.quote(table) if table else '…'}"
    if state.startswith("unbound"):
        yield warning("W013", "Sespan is not bound to the site's customers.", hint)
        return
    if state != "bound":
        yield warning("W014", f"Sespan's binding of the customers is not sound: {state}", hint)
    cursor.execute(
        "SELECT pg_catalog.format('%I.%I', table_schema, table_name) FROM sespan.customer_binding"
    )
    (bound,) = cursor.fetchone()
    if table is not None and bound != table:
        label = get_user_model()._meta.label
        yield error(
            "E015",
            f"Sespan is bound to {bound}, but {label} lives in {table}: every call is refused.",
            f"{hint} --replace (it says what goes); or, where these users are to do without "
            "Sespan (another tenant's), silence it: SILENCED_SYSTEM_CHECKS = ['sespan.E015']",
        )


def _tiers(cursor: CursorWrapper) -> Iterator[CheckMessage]:
    """Look whether any order can win, where the site has a checkout that draws."""
    if not found_settings().order_path or not _may_read(cursor, "transaction_tier"):
        return  # W018
    cursor.execute(
        "SELECT EXISTS (SELECT FROM sespan.transaction_tier WHERE is_active "
        "AND (ends_at IS NULL OR ends_at > pg_catalog.now()))"
    )
    if not cursor.fetchone()[0]:
        yield warning(
            "W024",
            "SESPAN['ORDER'] is set, and no discount tier is active: no order can win.",
            "Make a tier in the admin (Sespan, Discount tiers), or by sespan.tier_save in SQL.",
        )


def _trigger(cursor: CursorWrapper) -> Iterator[CheckMessage]:
    cursor.execute(
        "SELECT t.tgenabled IN ('O', 'A') FROM pg_catalog.pg_trigger t "
        "JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
        "WHERE c.relnamespace = %s::regnamespace AND c.relname = 'mail_queue' "
        "AND t.tgname = 'mail_doorbell_ring'",
        ["sespan"],
    )
    row = cursor.fetchone()
    if row is None:
        yield warning(
            "W016",
            "sespan.mail_queue's trigger mail_doorbell_ring is missing: mails wait for a poll.",
            "Run `sespan doctor`; `sespan migrate down` and `up` make it again.",
        )
    elif not row[0]:
        yield warning(
            "W016",
            "sespan.mail_queue's trigger mail_doorbell_ring is disabled: mails wait for a poll.",
            "As the table's owner: ALTER TABLE sespan.mail_queue ENABLE TRIGGER mail_doorbell_ring",
        )


def _two_phase(cursor: CursorWrapper) -> Iterator[CheckMessage]:
    cursor.execute(
        "SELECT count(*) FROM pg_catalog.pg_prepared_xacts "
        "WHERE database = pg_catalog.current_database()"
    )
    (prepared,) = cursor.fetchone()
    if not prepared or not _may_read(cursor, "mail_setting"):
        return
    cursor.execute("SELECT value FROM sespan.mail_setting WHERE name = 'mail_doorbell'")
    if (cursor.fetchone() or ("on",))[0] == "off":
        return
    yield warning(
        "W019",
        f"The database has {prepared} prepared transaction(s), and the doorbell is on: "
        "PostgreSQL refuses to prepare one that queued a mail while the worker slept.",
        f"Where the site commits in two phases: {DOORBELL_OFF}",
    )


def _relation(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'sespan' AND c.relname = %s)",
        [name],
    )
    return bool(cursor.fetchone()[0])


def _may_read(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute(
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
        "AND pg_catalog.has_table_privilege(c.oid, 'SELECT') FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'sespan' AND c.relname = %s",
        [name],
    )
    row = cursor.fetchone()
    return row is not None and bool(row[0])
