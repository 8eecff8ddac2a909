"""People and their roles, as the page People lists and changes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import FieldDoesNotExist
from django.db import router, transaction
from django.db.models import CharField, Q, QuerySet, TextField

from django_sespan._internal.groups import CODENAMES, GROUPS, missing
from django_sespan._internal.people import Roles, granted, has_groups
from django_sespan._internal.user_rows import is_readable, readable

ACTIVE, STAFF = "active", "staff"
FLAGS = {ACTIVE: "is_active", STAFF: "is_staff"}
NAMES = ("first_name", "last_name", "full_name", "name")
PORTION = 50


@dataclass
class Person:
    """A user as the pages show them."""

    user: Any
    roles: Roles = ()
    others: list[str] = field(default_factory=list)
    """What beside our groups gives a role: other groups, and "" for a permission of their own."""

    @property
    def key(self) -> Any:
        """The primary key."""
        return self.user.pk

    @property
    def name(self) -> str:
        """The login name."""
        return str(self.user.get_username())

    @property
    def full_name(self) -> str:
        """The name, "" where the model has none."""
        get = getattr(self.user, "get_full_name", None)
        return str(get() if callable(get) else "").strip()

    @property
    def address(self) -> str:
        """The address, "" where there is none."""
        return str(getattr(self.user, self.user.get_email_field_name(), "") or "")

    @property
    def email(self) -> str:
        """The address, "" where there is none, or where it is the login name already."""
        return "" if self.address == self.name else self.address

    @property
    def last_login(self) -> datetime | None:
        """When they logged in last; None for never, and for a moment that is none for Python."""
        return self.user.last_login if is_readable(self.user) else None

    @property
    def is_superuser(self) -> bool:
        """Whether the site gives them everything."""
        return bool(getattr(self.user, "is_superuser", False))

    @property
    def is_active(self) -> bool:
        """Whether they may log in."""
        return bool(getattr(self.user, "is_active", True))


def alias() -> str:
    """Return the database of the users."""
    return router.db_for_write(get_user_model())


def search(term: str, role: str, page: int) -> tuple[list[Person], bool]:
    """Return people by login name, and whether there are more.

    `role` is a role, "any" of them, or "all" users of the site.
    """
    model, using = get_user_model(), alias()
    users: QuerySet[Any] = readable(model._base_manager.using(using))
    users = users.order_by(model.USERNAME_FIELD, "pk")
    if role != "all":
        holders = granted(None, using)
        users = users.filter(pk__in=[k for k, v in holders.items() if role in {"any", *v}])
    if term:
        condition = Q()
        for name in _searched(model):
            condition |= Q(**{f"{name}__icontains": term})
        users = users.filter(condition)
    start = PORTION * page
    rows = list(users[start : start + PORTION + 1])
    roles = granted([user.pk for user in rows], using)
    people = [Person(user, roles.get(user.pk, ())) for user in rows[:PORTION]]
    return people, len(rows) > PORTION


def find(key: str) -> Person | None:
    """Return one person, None for a key of nobody."""
    model, using = get_user_model(), alias()
    try:
        users = readable(model._base_manager.using(using))
        user = users.filter(pk=model._meta.pk.to_python(key)).first()
    except Exception:  # noqa: BLE001  (a key of any type: whatever its field says to nonsense)
        return None
    if user is None:
        return None
    return Person(user, granted([user.pk], using).get(user.pk, ()), _others(user, using))


def state(person: Person) -> set[str]:
    """Return what can be ticked: roles by their groups, `active`, `staff`."""
    ticked = {flag for flag in flags() if getattr(person.user, FLAGS[flag])}
    if has_groups(type(person.user)):
        names = set(person.user.groups.using(alias()).values_list("name", flat=True))
        ticked |= {role for role, name in GROUPS.items() if name in names}
    return ticked


def flags() -> list[str]:
    """Return the flags that this site's users have as columns."""
    model = get_user_model()
    return [flag for flag, name in FLAGS.items() if _column(model, name)]


def missing_groups() -> dict[str, str]:
    """Return role → group, of groups that are gone or have lost their permission."""
    return missing()


def change(person: Person, gained: Iterable[str], lost: Iterable[str]) -> None:
    """Give and take roles, `active` and `staff`; the caller has checked that it may be."""
    gained, lost = set(gained), set(lost)
    with transaction.atomic(using=alias()):
        if joins := _groups(gained):
            person.user.groups.add(*joins)
        if leaves := _groups(lost):
            person.user.groups.remove(*leaves)
        changed = [FLAGS[flag] for flag in FLAGS if flag in gained | lost]
        for flag, name in FLAGS.items():
            if flag in gained | lost:
                setattr(person.user, name, flag in gained)
        if changed:
            person.user.save(using=alias(), update_fields=changed)


def create(values: dict[str, Any]) -> Any:
    """Make a user with the site's own `create_user`; raises what that raises."""
    manager: Any = get_user_model()._default_manager.db_manager(alias())
    return manager.create_user(**values)


def can_create() -> bool:
    """Whether the user model's manager knows how to create."""
    return hasattr(get_user_model()._default_manager, "create_user")


def asked_fields() -> list[str]:
    """Return the fields that a new user needs: login name, address and REQUIRED_FIELDS."""
    model = get_user_model()
    wanted = [model.USERNAME_FIELD, model.get_email_field_name(), *model.REQUIRED_FIELDS]
    return [name for name in dict.fromkeys(wanted) if _column(model, name)]


def _groups(words: set[str]) -> list[Group]:
    names = [GROUPS[role] for role in words & set(GROUPS)]
    return list(Group.objects.using(alias()).filter(name__in=names)) if names else []


def _others(user: Any, using: str) -> list[str]:
    if not has_groups(type(user)):
        return []
    ours = {"content_type__app_label": "sespan", "codename__in": list(CODENAMES.values())}
    permissions = Permission.objects.using(using).filter(**ours)
    groups = user.groups.using(using).filter(permissions__in=permissions)
    names = groups.exclude(name__in=GROUPS.values()).values_list("name", flat=True).distinct()
    own = user.user_permissions.using(using).filter(**ours).exists()
    return [*sorted(names), *([""] if own else [])]


def _searched(model: Any) -> Sequence[str]:
    wanted = {model.USERNAME_FIELD, model.get_email_field_name(), *NAMES}
    return [
        column.name
        for column in model._meta.concrete_fields
        if column.name in wanted and isinstance(column, CharField | TextField)
    ]


def _column(model: Any, name: str) -> bool:
    try:
        return bool(model._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False
