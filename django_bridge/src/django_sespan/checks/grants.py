"""What the site's login may do in Sespan's schema, and the GRANT that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage
from django.db.backends.utils import CursorWrapper

from django_sespan._internal.installation import roles
from django_sespan.checks.findings import warning

PRODUCER = (
    "mail_enqueue",
    "mail_enqueue_batch",
    "mail_attachment_put",
    "mail_attachment_known",
    "otp_register",
    "otp_supersede",
    "otp_activated",
    "otp_right",
    "otp_unused",
    "pretended_begin",
    "pretended_find",
    "pretended_takes_name",
    "customer_binding_state",
)
"""What the bridge calls for the site's visitors; a missing function is reported by W011."""

STAFF = (
    "tier_save",
    "tier_delete",
    "mail_retry",
    "mail_cancel",
    "mail_pause",
    "mail_resume",
    "mail_preview",
    "otp_revoke",
)
"""What the admin's buttons call."""


def check_grants(cursor: CursorWrapper) -> Iterator[CheckMessage]:
    """Check the functions of a producer and, where the admin is installed, those of staff."""
    missing = _functions(cursor, PRODUCER)
    if missing:
        groups = roles(cursor, "producer")
        yield warning(
            "W017",
            f"The site's login may not use {_shown(missing)}: mails and registrations will fail.",
            f"As a superuser: {_grant(cursor, groups)}",
        )
    if not apps.is_installed("django.contrib.admin"):
        return
    missing = [*_columns(cursor), *_functions(cursor, STAFF)]
    if missing:
        groups = roles(cursor, "reader_detail", "admin")
        yield warning(
            "W018",
            f"The site's login may not use {_shown(missing)}: Sespan's admin pages will fail.",
            f"As a superuser: {_grant(cursor, groups)}",
        )


def _functions(cursor: CursorWrapper, names: tuple[str, ...]) -> list[str]:
    """Return those that are there and may not be called."""
    cursor.execute(
        "SELECT 'sespan.' || p.proname FROM pg_catalog.pg_proc p "
        "JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = 'sespan' AND p.proname = ANY (%s) "
        "AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
        "AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')) "
        "GROUP BY p.proname ORDER BY pg_catalog.array_position(%s, p.proname::text)",
        [list(names), list(names)],
    )
    return [row[0] for row in cursor.fetchall()]


def _columns(cursor: CursorWrapper) -> list[str]:
    """Return the tables of which some column of our models may not be read."""
    models: list[Any] = list(apps.get_app_config("sespan").get_models())
    pairs = [
        (model._meta.db_table.rpartition('"')[2], column.column)
        for model in models
        for column in model._meta.concrete_fields
    ]
    cursor.execute(
        "SELECT DISTINCT 'sespan.' || c.relname "
        "FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) "
        "AS w (name, attribute) "
        "JOIN pg_catalog.pg_class c ON c.relname = w.name "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'sespan' "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.attribute "
        "WHERE NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
        "AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) ORDER BY 1",
        [[name for name, _ in pairs], [column for _, column in pairs]],
    )
    return [row[0] for row in cursor.fetchall()]


def _grant(cursor: CursorWrapper, groups: list[str]) -> str:
    cursor.execute("SELECT pg_catalog.quote_ident(current_user)")
    return f"GRANT {', '.join(groups)} TO {cursor.fetchone()[0]}"


def _shown(names: list[str]) -> str:
    few = 3
    rest = len(names) - few
    return ", ".join(names[:few]) + (f" and {rest} more" if rest > 0 else "")
