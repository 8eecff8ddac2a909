"""Who the customers of a page are: names and addresses in place of numbers, in one query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connections, transaction
from django.http import HttpRequest

from django_sespan._internal import customer_table
from django_sespan._internal.accounts import all_users, users_alias, with_email
from django_sespan._internal.customer_admin import page_of

AT_MOST = 20
"""Customers that one search is for: more is no search, and the log is looked up by each."""


@dataclass(frozen=True)
class Customer:
    """What a page shows of one; without a name there is no such account (any more)."""

    number: str
    name: str = ""
    detail: str = ""
    email: str = ""
    url: str = ""


def look_up(keys: Iterable[int | None], viewer: Any) -> dict[int, Customer]:
    """Return the customers of these keys; one whose account is gone has its number only."""
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    found = {user.pk: user for user in _users(wanted)}
    return {key: describe(key, found.get(key), viewer) for key in wanted}


def describe(key: Any, user: Any | None, viewer: Any) -> Customer:
    """Say who it is: by name, or else by address; beside it what else there is of the two."""
    if user is None:
        return Customer(str(key))
    login = str(user.get_username())
    email = str(getattr(user, user.get_email_field_name(), "") or "")
    name = _called(user) or email or login
    detail = email if name != email else login
    return Customer(str(key), name, "" if detail == name else detail, email, page_of(viewer, key))


def _called(user: Any) -> str:
    for name in ("get_full_name", "get_short_name"):
        get = getattr(user, name, None)
        if text := str(get() if callable(get) else "").strip():
            return text
    return ""


def _users(keys: set[int]) -> list[Any]:
    """Read users where they are written; none where Sespan's customers are in another table."""
    using = users_alias()
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            customer_table.check(cursor)
    except DatabaseError:
        return []
    return list(all_users().filter(pk__in=keys))


def search(request: HttpRequest, site: AdminSite, term: str) -> list[int]:
    """Return the keys of whom a person means; one more than AT_MOST says that there are more.

    By the whole address or user name, or else as the site's own page of customers finds them.
    """
    model: Any = get_user_model()
    users = all_users()
    keys: list[int] = []
    if "@" in term:
        keys = list(with_email(term, hidden=True).values_list("pk", flat=True)[: AT_MOST + 1])
    if not keys:
        keys = list(users.filter(**{model.USERNAME_FIELD: term}).values_list("pk", flat=True))
    return keys or _as_the_site_finds(request, site, term)


def _as_the_site_finds(request: HttpRequest, site: AdminSite, term: str) -> list[int]:
    """Ask the site's own administration of users, where this visitor may use it."""
    page = site._registry.get(get_user_model())
    if not any(map(str.isalnum, term)):  # Django's search would leave it out, and find everybody
        return []
    if page is None or not page.has_view_permission(request) or not page.get_search_fields(request):
        return []
    try:
        users, _duplicates = page.get_search_results(request, page.get_queryset(request), term)
        keys = users.using(users_alias()).order_by().values_list("pk", flat=True)
        return list(dict.fromkeys(keys[: AT_MOST + 1]))
    except (ValueError, ValidationError):
        return []
