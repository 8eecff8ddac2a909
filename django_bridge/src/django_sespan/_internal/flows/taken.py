"""A customer whom the site's database refused: what was taken, or whose fault it is.

unique or exclusion, of the address          the visitor must not learn it: `Taken.address`
…, of another field of the form              an error at that field
…, of the customer's own row in a table      save_user adds it twice: the site's fault
beside the users
any other rule (CHECK, NOT NULL, key, …)     the site's fault
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.accounts import users_alias
from django_sespan._internal.address import key_or_text
from django_sespan._internal.violations import Violation, refusal, violation


@dataclass(frozen=True)
class Taken:
    """Whether the address itself is taken; otherwise the form has the errors."""

    address: bool


def explain(error: DatabaseError, form: Any) -> Taken:
    """Return what was taken; raises SiteRuleViolated, which says no value.

    Another trouble than a rule of the site's is raised as it is.
    """
    found = refusal(error)
    if found is None:
        raise error
    if not found.is_taken:
        raise errors.SiteRuleViolated(str(found)) from None
    if _is_own_row(found, form.instance):
        raise errors.SiteRuleViolated(
            f"{found}: save_user adds a row that the customer has; it runs again when a "
            "registration is replaced, so let it update_or_create"
        ) from None
    address = str(form.cleaned_data.get(form.email_field))
    columns = _columns(found)
    if _has_address(found, columns, form, address):
        return Taken(address=True)
    if not form.finds_conflict():
        _blame(form, columns)
    return Taken(address=False)


def is_address(error: DatabaseError, form: Any, address: str) -> bool:
    """Whether another row has this address, alone or with other values."""
    found = violation(error)
    return found.is_taken and _has_address(found, _columns(found), form, address)


def is_user_name(error: DatabaseError, using: str) -> bool:
    """Whether the user name alone is what another customer has."""
    model, found = get_user_model(), violation(error)
    name: Any = model._meta.get_field(model.USERNAME_FIELD)
    return found.is_taken and _is_of_users(found) and found.columns(using) == {name.column}


def _columns(found: Violation) -> set[str]:
    return found.columns(users_alias()) if _is_of_users(found) else set()


def _has_address(found: Violation, columns: set[str], form: Any, address: str) -> bool:
    return _email_column(form) in columns or any(map(found.names, (address, key_or_text(address))))


def _email_column(form: Any) -> str:
    field: Any = get_user_model()._meta.get_field(form.email_field)
    return str(field.column)


def _is_of_users(found: Violation) -> bool:
    model = get_user_model()
    tables = {model, *model._meta.get_parent_list()}
    return found.table in {m._meta.db_table.rpartition('"."')[2].strip('"') for m in tables}


def _is_own_row(found: Violation, user: Any) -> bool:
    return user.pk is not None and not _is_of_users(found) and found.names(user.pk)


def _blame(form: Any, columns: set[str]) -> None:
    """Say it at the field, where the rule is of one; a manager of the site may hide that row."""
    model = get_user_model()
    fields = [f for f in model._meta.concrete_fields if f.column in columns]
    shown = [f.name for f in fields if f.name in form.fields]
    if len(shown) == 1 == len(fields):
        form.add_error(shown[0], form.instance.unique_error_message(model, (shown[0],)))
    else:
        form.add_error(None, messages.taken())
