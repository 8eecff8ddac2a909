"""What Django's signals see of people: roles given and taken, users changed and deleted.

    seen            ─▶ an entry of the audit, in the same commit where the database is the same
    committed       ─▶ Sespan is told the roles; keys that they no longer cover end
    did that fail?  ─▶ a line in the log, and the next comparison finds it

`QuerySet.update`, `bulk_create` and SQL send no signal: the comparison finds those too. A site's
own request is never broken by this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from django_sespan._internal import people
from django_sespan._internal.audit import Entry, acting, actor, enter
from django_sespan._internal.groups import ROLE_OF
from django_sespan._internal.people import Roles, granted, in_order
from django_sespan._internal.violations import without_rows
from django_sespan.conf import get_settings
from django_sespan.mail.queue_admin import MISSING

logger = logging.getLogger(__name__)

STASH = "_sespan_before"
TOO_MANY = 200
"""So many people at once are told of by one comparison."""

Receiver = Callable[..., None]


def connect() -> None:
    """Listen to the user model, its proxies and children, and to groups and permissions."""
    user = get_user_model()
    for model in (m for m in apps.get_models() if issubclass(m, user)):
        for signal, receiver in (
            (pre_save, before_save),
            (post_save, after_save),
            (pre_delete, before_delete),
            (post_delete, after_delete),
        ):
            signal.connect(receiver, sender=model, dispatch_uid=f"sespan.{receiver.__name__}")
    if people.has_groups(user):
        for through in (user.groups.through, user.user_permissions.through):
            m2m_changed.connect(roles_changed, sender=through, dispatch_uid="sespan.roles")
    m2m_changed.connect(
        group_changed, sender=Group.permissions.through, dispatch_uid="sespan.group"
    )
    pre_delete.connect(group_deleted, sender=Group, dispatch_uid="sespan.group_deleted")
    pre_delete.connect(permission_deleted, sender=Permission, dispatch_uid="sespan.permission")


def harmless(receiver: Receiver) -> Receiver:
    """Log what a receiver raises; in the tests of a site there is nobody to tell."""

    @wraps(receiver)
    def wrapped(**arguments: Any) -> None:
        if get_settings().in_memory:
            return
        try:
            receiver(**arguments)
        except Exception as exc:
            without_rows(exc)
            logger.exception("A change of people was not noticed; the comparison will find it")

    return wrapped


@harmless
def before_save(*, instance: Any, raw: bool, using: str, update_fields: Any, **_: Any) -> None:
    """Remember what a user was, where this save may change what matters."""
    instance.__dict__.pop(STASH, None)
    watched = _watched(type(instance))
    if raw or (update_fields is not None and not watched & set(update_fields)):
        return
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk).values(*watched)
    instance.__dict__[STASH] = (rows.first() if instance.pk is not None else None) or {}


@harmless
def after_save(*, instance: Any, using: str, **_: Any) -> None:
    """Enter and tell what changed of somebody who has a role, or had one."""
    before = instance.__dict__.pop(STASH, None)
    if before is None:
        return
    after = {name: getattr(instance, name) for name in _watched(type(instance))}
    changed = {name for name in after if before.get(name) != after[name]}
    if not changed or not _has_or_had_a_role(instance, before, using):
        return
    entry = Entry(
        "update" if before else "insert",
        "user",
        str(instance.pk),
        {name: before[name] for name in changed} if before else None,
        {instance.USERNAME_FIELD: instance.get_username()}
        | {name: after[name] for name in sorted(changed)},
    )
    _notice(using, [entry], [instance.pk], "the user was changed")


def _has_or_had_a_role(user: Any, before: Mapping[str, Any], using: str) -> bool:
    if not getattr(user, "is_active", True) and not before.get("is_active"):
        return False  # nothing that they could do: an unfinished registration, say
    if before.get("is_superuser") or getattr(user, "is_superuser", False):
        return True
    return bool(before and granted([user.pk], using))  # a new user is in no group yet


@harmless
def before_delete(*, instance: Any, using: str, **_: Any) -> None:
    """Remember the roles of a user who is about to go."""
    roles = granted([instance.pk], using).get(instance.pk)
    instance.__dict__[STASH] = (instance.pk, roles) if roles else None


@harmless
def after_delete(*, instance: Any, using: str, **_: Any) -> None:
    """Enter it, and end the keys."""
    stash = instance.__dict__.pop(STASH, None)
    if stash is None:
        return
    key, roles = stash
    before = {"username": instance.get_username(), "roles": roles}
    _notice(using, [Entry("delete", "user", str(key), before)], [key], "the user was deleted")


@harmless
def roles_changed(
    *, instance: Any, action: str, reverse: bool, model: Any, pk_set: Any, using: str, **_: Any
) -> None:
    """Enter and tell what groups or permissions gave a person, or took."""
    if action.startswith("pre_"):
        instance.__dict__.pop(STASH, None)
        users = _concerned(instance, reverse, model, pk_set, using)
        if users:
            instance.__dict__[STASH] = (users, granted(users, using))
        return
    stash = instance.__dict__.pop(STASH, None)
    if stash is None:
        return
    users, before = stash
    after, names = granted(users, using), _usernames(users, using)
    entries, told = [], []
    for key in sorted(users):
        was, becomes = before.get(key, ()), after.get(key, ())
        if was != becomes:
            told.append(key)
            entries.append(
                Entry(
                    _word(was, becomes),
                    "role",
                    str(key),
                    {"username": names.get(key), "roles": was},
                    {"username": names.get(key), "roles": becomes},
                )
            )
    _notice(using, entries, told, "roles were given or taken")


@harmless
def group_changed(
    *, instance: Any, action: str, reverse: bool, pk_set: Any, using: str, **_: Any
) -> None:
    """Enter and tell what the permissions of a group became."""
    if action.startswith("pre_"):
        groups = pk_set if reverse else {instance.pk}
        if reverse and groups is None:
            groups = set(instance.group_set.using(using).values_list("pk", flat=True))
        instance.__dict__[STASH] = (groups, _roles_of_groups(groups, using))
        return
    groups, before = instance.__dict__.pop(STASH, (set(), {}))
    after = _roles_of_groups(groups, using)
    entries, told = [], set()
    for group in Group.objects.using(using).filter(pk__in=groups):
        was, becomes = before.get(group.pk, ()), after.get(group.pk, ())
        if was != becomes:
            told |= _members(group, using)
            entries.append(_group_entry(_word(was, becomes), group, was, becomes))
    _notice(using, entries, told, "the permissions of a group were changed")


@harmless
def group_deleted(*, instance: Any, using: str, **_: Any) -> None:
    """Enter it, and tell of all who were in it."""
    roles = _roles_of_groups([instance.pk], using).get(instance.pk)
    if roles:
        entry = _group_entry("delete", instance, roles, None)
        _notice(using, [entry], _members(instance, using), "a group was deleted")


@harmless
def permission_deleted(*, instance: Any, using: str, **_: Any) -> None:
    """Enter that a role has no permission any more, and look at everybody."""
    role = ROLE_OF.get(instance.codename)
    if role and instance.content_type.app_label == "sespan":
        name = f"permission {instance.codename}"
        _notice(using, [Entry("delete", "role", name, {"roles": [role]})], None, "")


def _notice(
    using: str, entries: Iterable[Entry], told: Collection[Any] | None, reason: str
) -> None:
    """Enter now or, in another database, after the commit; tell after it. None: everybody."""
    entries, who = list(entries), actor()

    def write() -> None:
        for entry in entries:
            _try(lambda entry=entry: enter(get_settings().database, entry))  # type: ignore[misc]

    def tell() -> None:
        if told is None or len(told) > TOO_MANY:
            _try(people.compare)
            return
        for key in told:
            _try(lambda key=key: people.tell(key, reason))  # type: ignore[misc]

    def later() -> None:
        with acting(who):
            if using != get_settings().database:
                write()
            tell()

    if using == get_settings().database:
        write()
    if entries:
        transaction.on_commit(later, using=using, robust=True)


def _try(call: Callable[[], object]) -> None:
    try:
        call()
    except DatabaseError as exc:
        code = getattr(exc.__cause__, "sqlstate", None) or getattr(exc.__cause__, "pgcode", None)
        # Without a schema there is nobody to tell: the checks say so (W010).
        level = logging.DEBUG if code in MISSING else logging.ERROR
        reason = str(exc).partition("\n")[0]  # further lines may hold the row
        logger.log(level, "Sespan was not told of a change of people: %s", reason)


def _watched(model: Any) -> set[str]:
    wanted = {"is_active", "is_staff", "is_superuser", model.USERNAME_FIELD}
    wanted.add(model.get_email_field_name())
    return {field.name for field in model._meta.concrete_fields if field.name in wanted}


def _concerned(instance: Any, reverse: bool, model: Any, pk_set: Any, using: str) -> set[Any]:
    """Return the users of whom a change of groups or permissions may change the roles."""
    if not reverse:
        return {instance.pk} if pk_set is None or _gives_roles(model, pk_set, using) else set()
    if not _gives_roles(type(instance), {instance.pk}, using):
        return set()
    if pk_set is not None:
        return set(pk_set)
    return _members(instance, using)


def _gives_roles(model: Any, keys: Collection[Any], using: str) -> bool:
    path = "" if issubclass(model, Permission) else "permissions__"
    ours = {f"{path}content_type__app_label": "sespan", f"{path}codename__in": [*ROLE_OF]}
    return model._base_manager.using(using).filter(pk__in=list(keys), **ours).exists()  # type: ignore[no-any-return]


def _roles_of_groups(groups: Collection[Any], using: str) -> dict[Any, Roles]:
    ours = Permission.objects.using(using).filter(
        content_type__app_label="sespan", codename__in=[*ROLE_OF], group__in=list(groups)
    )
    found: dict[Any, set[str]] = {}
    for group, codename in ours.values_list("group", "codename").order_by():
        found.setdefault(group, set()).add(ROLE_OF[codename])
    return {group: in_order(roles) for group, roles in found.items()}


def _members(instance: Any, using: str) -> set[Any]:
    """Return the users of a group, or those who have a permission directly."""
    model = get_user_model()
    if not people.has_groups(model):
        return set()
    path = "user_permissions" if isinstance(instance, Permission) else "groups"
    users = model._base_manager.using(using).filter(**{path: instance.pk})
    return set(users.values_list("pk", flat=True).order_by())


def _usernames(keys: Collection[Any], using: str) -> Mapping[Any, str]:
    model = get_user_model()
    users = model._base_manager.using(using).filter(pk__in=list(keys))
    return dict(users.values_list("pk", model.USERNAME_FIELD).order_by())


def _group_entry(word: str, group: Any, was: Roles, becomes: Roles | None) -> Entry:
    after = None if becomes is None else {"group": group.name, "roles": becomes}
    before = {"group": group.name, "roles": was}
    return Entry(word, "role", f"group {group.name}", before, after)


def _word(was: Roles, becomes: Roles) -> str:
    if set(was) < set(becomes):
        return "grant"
    return "revoke" if set(becomes) < set(was) else "update"
