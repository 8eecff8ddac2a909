"""The three groups of the site that stand for the roles, and their permissions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import connections, router, transaction
from django.db.models import Q, QuerySet

from django_sespan._internal.staff import ROLES

GROUPS = {"admin": "Sespan admin", "dashboard": "Sespan dashboard", "report": "Sespan report"}
"""Role → name of its group. The name is looked for, so it is not translated."""

CODENAMES = {role: permission.partition(".")[2] for role, permission in ROLES.items()}
ROLE_OF = {codename: role for role, codename in CODENAMES.items()}
STAFF = ("preview_mail", "manage_mail", "revoke_activation", "help_customer")


def wanted(role: str, using: str) -> QuerySet[Permission]:
    """Return the permissions that the group of this role has."""
    ours = Permission.objects.using(using).filter(content_type__app_label="sespan")
    if role != "admin":
        return ours.filter(codename=CODENAMES[role])
    return ours.filter(
        Q(codename__startswith="view_")
        | Q(codename__endswith="_transactiontier")
        | Q(codename__in=[CODENAMES["admin"], *STAFF])
    )


def alias() -> str:
    """Return the database of the groups."""
    return router.db_for_write(Group)


def missing() -> dict[str, str]:
    """Return role → group, of groups that are gone or have lost their permission."""
    ours = Group.objects.using(alias()).filter(
        permissions__content_type__app_label="sespan", permissions__codename__in=[*ROLE_OF]
    )
    whole = set(ours.values_list("name", "permissions__codename"))
    return {r: name for r, name in GROUPS.items() if (name, CODENAMES[r]) not in whole}


def make(*, replace: bool = False) -> Iterator[tuple[str, str, int]]:
    """Make what is missing; yield (name of the group, its state, permissions added).

    The state is new, kept or left: a group that somebody else made for other people gets nothing,
    unless it is to be taken over; its members would get the role.
    """
    using = alias()
    create_permissions(apps.get_app_config("sespan"), verbosity=0, using=using)
    with transaction.atomic(using=using):
        for role, name in GROUPS.items():
            group, made = Group.objects.using(using).get_or_create(name=name)
            if not (made or replace) and _is_of_others(group, using):
                yield name, "left", 0
                continue
            missing = wanted(role, using).exclude(group=group)
            added = list(missing.distinct())
            group.permissions.add(*added)
            yield name, "new" if made else "kept", len(added)


def _is_of_others(group: Group, using: str) -> bool:
    """Whether it has people or permissions, and none of ours."""
    permissions = group.permissions.using(using)
    if permissions.filter(content_type__app_label="sespan").exists():
        return False
    people: Any = getattr(get_user_model(), "groups", None)
    members = people.through.objects.using(using).filter(group=group) if people else None
    return permissions.exists() or (members is not None and members.exists())


def tables_are_there() -> bool:
    """Whether the site has been migrated so far that there can be groups."""
    using: Any = connections[alias()]
    needed = {Group._meta.db_table, Permission._meta.db_table, "django_content_type"}
    return needed <= set(using.introspection.table_names())
