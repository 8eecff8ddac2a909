"""The database roles of this installation, whose prefix the site chose.

A login without any right reads no table of ours, and just then it is told which role it lacks. So
the prefix is taken from the catalogue: everything belongs to the role `<prefix>owner`.
"""

from __future__ import annotations

from django.db import connections
from django.db.backends.utils import CursorWrapper

from django_sespan.conf import get_settings

PREFIX = (
    "SELECT pg_catalog.regexp_replace(r.rolname, 'owner$', '') FROM pg_catalog.pg_namespace n "
    "JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner "
    "WHERE n.nspname = 'sespan' AND r.rolname LIKE '%owner'"
)


def roles(cursor: CursorWrapper, *endings: str) -> list[str]:
    """Return the names of roles such as `producer`, quoted for SQL where they must be."""
    cursor.execute(PREFIX)
    row = cursor.fetchone()
    prefix = row[0] if row else "sespan_"
    cursor.execute(
        "SELECT pg_catalog.quote_ident(t.name) FROM pg_catalog.unnest(%s::text[]) "
        "WITH ORDINALITY AS t (name, position) ORDER BY t.position",
        [[prefix + ending for ending in endings]],
    )
    return [name for (name,) in cursor.fetchall()]


def roles_of_site(*endings: str) -> list[str]:
    """Return the same with a cursor of its own."""
    with connections[get_settings().database].cursor() as cursor:
        return roles(cursor, *endings)
