"""Which table of the database the site's users are in, said wherever one of them is named.

A key alone does not say whose it is: with a schema for each tenant, or beside another table of
people, another user has it, too. Sespan serves the one table that `bind-customers` has bound, and
refuses (`CustomerTableMismatch`) who means another one. The name is asked of the database each
time, because a site may change the search_path of its connection with each request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError, connections, router
from django.db.backends.utils import CursorWrapper

from django_sespan import errors
from django_sespan.conf import get_settings

FIND = (
    "SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.oid = pg_catalog.to_regclass(%s::text)"
)
OTHER_TABLE = "SP006"
"""The SQLSTATE of `sespan.customer_table_check`."""

ADVICE = (
    "Sespan serves one table of customers: bind this one (sespan bind-customers), or use no Sespan "
    "where the users are others"
)

_known: ContextVar[tuple[str | None] | None] = ContextVar("sespan_customer_table", default=None)


def read() -> str | None:
    """Return the table as `schema.table`; None where there is none in PostgreSQL, or in tests.

    Raises SespanUnavailable where the database gives no answer.
    """
    try:
        return _read()
    except DatabaseError as exc:
        raise errors.SespanUnavailable(f"the table of the users: {first_line(exc)}") from exc


def _read() -> str | None:
    known = _known.get()
    if known is not None:
        return known[0]
    connection = connections[_alias()]
    if get_settings().in_memory or connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        return find(cursor)


@contextmanager
def known(table: str | None) -> Iterator[None]:
    """Let `read` return this, in threads too that have other connections."""
    token = _known.set((table,))
    try:
        yield
    finally:
        _known.reset(token)


def find(cursor: CursorWrapper) -> str | None:
    """Return the table as this connection finds it; None where it does not."""
    cursor.execute(FIND, [_name(cursor)])
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def check(cursor: CursorWrapper) -> None:
    """Refuse in SQL, where another table is bound: DatabaseError, which `mismatch` explains."""
    if cursor.db.alias == _alias():
        ask(cursor, "true")
    elif (table := _read()) is not None:
        cursor.execute("SELECT sespan.customer_table_check(%s::text)", [table])


def ask(cursor: CursorWrapper, question: str, *values: Any) -> Any:
    """Return what SQL answers to a question about a user, refused first as by `check`.

    It is one statement, because it is asked at each save of a user. The cursor's database is
    that of the users.
    """
    query = f"SELECT sespan.customer_table_check(({FIND})), {question}"
    cursor.execute(query, [_name(cursor), *values])
    return cursor.fetchone()[1]


def mismatch(error: DatabaseError) -> errors.CustomerTableMismatch | None:
    """Return the error of the bridge for what `check` refused, None for another one."""
    if sqlstate(error) != OTHER_TABLE:
        return None
    return errors.CustomerTableMismatch(f"{first_line(error)}. {ADVICE}")


def sqlstate(error: DatabaseError) -> str:
    """Return the SQLSTATE of an error, of either driver."""
    cause = error.__cause__
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")


def first_line(error: DatabaseError) -> str:
    """Return what an error says, without the rows that it shows."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _alias() -> str:
    return router.db_for_write(get_user_model())


def _name(cursor: CursorWrapper) -> str:
    return str(cursor.db.ops.quote_name(_model()._meta.db_table))


def _model() -> Any:
    """Return the model whose table has the address: of a child model that may be its parent."""
    model: Any = get_user_model()
    try:
        return model._meta.get_field(model.get_email_field_name()).model
    except FieldDoesNotExist:
        return model
