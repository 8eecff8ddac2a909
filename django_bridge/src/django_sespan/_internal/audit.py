"""Who is at work and through what, told to the database for its audit.

A page of the bridge says it itself (`audited`); `AuditMiddleware` says it for the whole site.
Otherwise it is a command, with the user of the operating system, or "the site".
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections, transaction
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from django_sespan._internal.staff import display_name
from django_sespan.client_ip import client_ip
from django_sespan.conf import get_settings

COMMANDS = {"manage.py", "django-admin", "django-admin.py", "__main__.py"}
SERVERS = {"runserver", "testserver", "runserver_plus"}


@dataclass(frozen=True)
class Actor:
    """Who; `way` is admin, http, cli or service."""

    name: str
    way: str
    user_id: str | None = None
    address: str | None = None


_acting: ContextVar[HttpRequest | Actor | None] = ContextVar("sespan_acting", default=None)


@contextmanager
def acting(who: HttpRequest | Actor) -> Iterator[None]:
    """Let everything inside be done by the visitor of this request, or by this actor."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def actor() -> Actor:
    """Return who is at work now."""
    request = _acting.get()
    if isinstance(request, Actor):
        return request
    if request is not None:
        user, address = request.user, client_ip(request)
        if user.is_authenticated:
            return Actor(display_name(user), _way(request), str(user.pk), address)
        return Actor("a visitor", _way(request), None, address)
    program = Path(sys.argv[0]).name
    if program in COMMANDS and len(sys.argv) > 1 and sys.argv[1] not in SERVERS:
        return Actor(f"{_os_user()} (manage.py {sys.argv[1]})"[:200], "cli")
    return Actor("the site", "service")


@contextmanager
def audited(request: HttpRequest) -> Iterator[None]:
    """Run the block as one transaction on SESPAN["DATABASE"] that names this person."""
    using = get_settings().database
    with acting(request), transaction.atomic(using=using):
        say_who(using)
        yield


def say_who(using: str) -> None:
    """Tell this transaction who is at work: `sespan.audit_as`."""
    if get_settings().in_memory:
        return  # the database of a site's own tests knows no Sespan
    who = actor()
    with connections[using].cursor() as cursor:
        # audit_as leaves what it is not told; within a transaction that is the one before.
        cursor.execute(
            "SELECT set_config('sespan.audit_actor_id', '', true),"
            " set_config('sespan.audit_address', '', true),"
            " sespan.audit_as(actor => %s::text, actor_id => %s::text,"
            " way => %s::text, address => %s::inet)",
            [who.name, who.user_id, who.way, who.address],
        )


@dataclass(frozen=True)
class Entry:
    """What was changed or read: `sespan.audit_people`."""

    action: str
    subject: str
    subject_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    detail: str | None = None


def enter(using: str, entry: Entry) -> None:
    """Add a row to the audit, in the caller's transaction."""
    if get_settings().in_memory:
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        say_who(using)
        cursor.execute(
            "SELECT sespan.audit_people(action => %s::text, subject => %s::text,"
            " subject_id => %s::text, before => %s::jsonb, after => %s::jsonb, detail => %s::text)",
            [
                entry.action,
                entry.subject,
                entry.subject_id,
                _json(entry.before),
                _json(entry.after),
                entry.detail,
            ],
        )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, default=str)


def _way(request: HttpRequest) -> str:
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return "http"
    return "admin" if "admin" in match.app_names else "http"


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "?"
