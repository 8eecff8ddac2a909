"""Users of which Python cannot hold a column: moments like infinity, BC or the year 20000.

PostgreSQL takes them, no `datetime` is one, and Django answers 500 to whoever reads such a row. A
stranger must not see by that who is known, and nobody else's page may fail for it: the bridge
reads such users without their moments.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from traceback import walk_tb
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, DataError
from django.db.models import DateField, QuerySet, TimeField
from django.db.models.query import ModelIterable
from django.db.models.sql import compiler

logger = logging.getLogger(__name__)

UNREADABLE = (DataError, ValueError, OverflowError)
"""What psycopg, in either version, and Django raise of a moment that Python cannot hold."""
READING = frozenset({"cursor_iter", "apply_converters"})
"""Of Django's compiler: what fetches rows, and what makes Python's values of theirs."""


def _moments(model: Any) -> list[str]:
    return [f.attname for f in model._meta.concrete_fields if isinstance(f, DateField | TimeField)]


class _Rows(ModelIterable):  # type: ignore[type-arg]  # no subscript at run time
    """The users of a query; where one cannot be read, all without their moments."""

    def __iter__(self) -> Iterator[Any]:
        """Read them again on failure: it comes of the reading, the transaction goes on."""
        try:
            rows = list(super().__iter__())
        except UNREADABLE as exc:
            users: QuerySet[Any] = self.queryset.defer(*_moments(self.queryset.model))
            users._iterable_class = ModelIterable
            try:
                rows = list(users)
            except DatabaseError:
                raise exc from None  # it was something else
            keys = ", ".join(str(user.pk) for user in rows)
            logger.warning("The row of one of the users %s cannot be read: %s", keys, exc)
        return iter(rows)


def readable(users: QuerySet[Any]) -> QuerySet[Any]:
    """Let a query give users whose moments cannot be read, without these.

    What a site's manager makes of rows in a way of its own stays that.
    """
    if users._iterable_class is ModelIterable:
        users = users.all()
        users._iterable_class = _Rows
    return users


def reading(manager: Any) -> Any:
    """Let a manager's own look-ups give users as `readable` does; it is one of the caller's."""
    whole = manager.get_queryset
    manager.get_queryset = lambda: readable(whole())
    return manager


def is_of_a_row(error: BaseException) -> bool:
    """Whether Django failed while it read a row; not, say, over a setting of a login backend."""
    return any(
        frame.f_code.co_name in READING and frame.f_globals.get("__name__") == compiler.__name__
        for frame, _line in walk_tb(error.__traceback__)
    )


def is_readable(user: AbstractBaseUser) -> bool:
    """Whether Django can read all of a user; else it answers 500 wherever they are logged in."""
    try:
        for name in _moments(type(user)):
            getattr(user, name)
    except UNREADABLE:
        return False
    return True


def has_logged_in(user: AbstractBaseUser) -> bool:
    """Whether a user has ever logged in; at a moment that cannot be read, too."""
    try:
        return user.last_login is not None
    except UNREADABLE:
        return True
