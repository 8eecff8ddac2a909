"""People of the site and their roles, as Sespan is told of them.

Told at once by the signals, and otherwise by the comparison: of all people who have a role now
with what was told. Both end the keys of people who lost the right to them.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError, connections, router, transaction
from django.db.models import QuerySet

from django_sespan._internal import customer_table
from django_sespan._internal.audit import Actor, acting, say_who
from django_sespan._internal.groups import ROLE_OF
from django_sespan._internal.staff import ROLES, roles_of
from django_sespan._internal.user_rows import readable
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

COMPARE_AFTER = 300
LOOK_AFTER = 60
"""Seconds: a comparison that is older is made anew; how often a process looks how old it is."""

COMPARISON = Actor("comparison of people", "admin")
"""Who found it, where the visit to a page made a comparison due: not that page's visitor."""

Roles = tuple[str, ...]


def has_groups(model: Any) -> bool:
    """Whether users of this model have groups and permissions, as Django's PermissionsMixin."""
    return all(_is_field(model, name) for name in ("groups", "user_permissions", "is_superuser"))


def granted(keys: Collection[Any] | None, using: str) -> dict[Any, Roles]:
    """Return key → roles that groups, permissions or being a superuser give, active or not.

    None asks for everybody; whoever has no role is not in it.
    """
    model = get_user_model()
    if not has_groups(model):
        return {}
    users: QuerySet[Any] = model._base_manager.using(using)
    if keys is not None:
        users = users.filter(pk__in=list(keys))
    by_groups, directly = (
        _holders(users, path) for path in ("groups__permissions", "user_permissions")
    )
    found: dict[Any, set[str]] = defaultdict(set)
    for key, codename in by_groups.union(directly):
        found[key].add(ROLE_OF[codename])
    for key in users.filter(is_superuser=True).values_list("pk", flat=True).order_by():
        found[key] |= set(ROLES)
    return {key: in_order(roles) for key, roles in found.items()}


def _holders(users: QuerySet[Any], path: str) -> QuerySet[Any, tuple[Any, str]]:
    ours = {f"{path}__content_type__app_label": "sespan", f"{path}__codename__in": [*ROLE_OF]}
    return users.filter(**ours).values_list("pk", f"{path}__codename").order_by()


def in_order(roles: Iterable[str]) -> Roles:
    """Return roles in their usual order."""
    known = set(roles)
    return tuple(role for role in ROLES if role in known)


def current_roles(key: Any) -> Roles:
    """Return the roles that a user has now; none for one who is inactive or gone."""
    model = get_user_model()
    try:
        user = readable(model._base_manager.using(router.db_for_write(model))).get(pk=key)
    except (model.DoesNotExist, ValueError, TypeError):
        return ()
    return roles_of(user)


def everybody(owners: Iterable[str]) -> dict[str, Roles]:
    """Return key as text → roles, of all active people with a role and of owners of keys."""
    model = get_user_model()
    using = router.db_for_write(model)
    with_role = granted(None, using)
    if _is_field(model, "is_active"):
        active = model._base_manager.using(using).filter(pk__in=list(with_role), is_active=True)
        kept = set(active.values_list("pk", flat=True).order_by())
        with_role = {key: roles for key, roles in with_role.items() if key in kept}
    people = {str(key): roles for key, roles in with_role.items()}
    for owner in owners:
        # Another login backend may know them; only has_perm asks it.
        if owner not in people and (roles := current_roles(owner)):
            people[owner] = roles
    return people


def tell(key: Any, reason: str) -> None:
    """Tell Sespan which roles this person has now; keys beyond them end. Raises DatabaseError."""
    using = get_settings().database
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        say_who(using)
        customer_table.check(cursor)
        cursor.execute("SELECT sespan.people_lock()")  # before the reading: the newest news wins
        cursor.execute(
            "SELECT sespan.key_owner_roles(%s::text, %s::text[], %s::text)",
            [str(key), list(current_roles(key)), reason],
        )


def compare() -> int:
    """Compare everybody with what was told; return the differences. Raises DatabaseError."""
    using = get_settings().database
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        say_who(using)
        customer_table.check(cursor)
        cursor.execute("SELECT sespan.people_lock()")
        cursor.execute("SELECT person_id FROM sespan.people_role WHERE roles <> '{}'")
        people = everybody([row[0] for row in cursor.fetchall()])
        cursor.execute("SELECT sespan.people_compare(%s::jsonb)", [_json(people)])
        return int(cursor.fetchone()[0])


class Comparing:
    """When this process last looked whether a comparison is due."""

    def __init__(self) -> None:
        self._look_at = 0.0

    def when_due(self) -> None:
        """Compare when the last comparison, by whomever, is five minutes old. Never raises."""
        now = time.monotonic()
        if now < self._look_at or get_settings().in_memory:
            return
        self._look_at = now + LOOK_AFTER
        try:
            if self._is_due():
                with acting(COMPARISON):
                    compare()
                self._name_the_visitor_again()
        except DatabaseError as exc:
            logger.warning("People were not compared: %s", str(exc).splitlines()[0])

    @staticmethod
    def _is_due() -> bool:
        using = get_settings().database
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(
                "SELECT NOT EXISTS (SELECT FROM sespan.people_comparison"
                " WHERE compared_at > now() - make_interval(secs => %s))",
                [COMPARE_AFTER],
            )
            return bool(cursor.fetchone()[0])

    @staticmethod
    def _name_the_visitor_again() -> None:
        """Inside the transaction of a page, what it does itself comes after this."""
        using = get_settings().database
        if connections[using].in_atomic_block:
            say_who(using)

    def forget(self) -> None:
        """Look again at once."""
        self._look_at = 0.0


comparing = Comparing()


def _json(people: Mapping[str, Roles]) -> str:
    return json.dumps({key: list(roles) for key, roles in people.items()})


def _is_field(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True
