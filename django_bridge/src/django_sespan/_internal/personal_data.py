"""What is held about a person: given out, and taken out, by the functions of the schema.

Both go in steps, each a transaction of its own that names who asks; docs/personal-data.md says
what stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_sespan._internal import address, customer_table
from django_sespan._internal.accounts import users_alias, with_email, with_key
from django_sespan._internal.audit import audited
from django_sespan.conf import get_settings

LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Subject:
    """Somebody about whom data is held: a user, one who is gone, or an address alone."""

    customer_id: int | None
    emails: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        number = _("customer %(number)s") % {"number": self.customer_id}
        return ", ".join([*([] if self.customer_id is None else [number]), *self.emails])

    @property
    def addresses(self) -> list[str]:
        """What SQL compares: the key of each first, then how it may have been written."""
        keys, others = [], []
        for email in self.emails:
            with suppress(ValueError):
                keys.append(address.key(email))
                others += [address.fold_ascii(s) for s in address.spellings(email)]
        return list(dict.fromkeys([*keys, *others]))


def find(customer_id: int | None, email: str) -> Subject:
    """Find whom a form means; ValidationError says who is not known."""
    emails = [email] if email else []
    if customer_id is None:
        users = list(with_email(email, hidden=True)[:2])
        if len(users) > 1:
            raise ValidationError(_("Several customers have this address: give the number."))
        return _of(users[0], emails) if users else Subject(None, emails)
    user = with_key(customer_id)
    if user is not None:
        return _of(user, emails)
    if not _ask("SELECT sespan.customer_known(%s::bigint)", [customer_id])[0]:
        raise ValidationError(_("No customer has this number, and nothing is held of one who had."))
    return Subject(customer_id, emails)


def _of(user: Any, emails: list[str]) -> Subject:
    own = str(getattr(user, user.get_email_field_name(), "") or "")
    more = [own] if own and not any(address.same(own, e) for e in emails) else []
    return Subject(int(user.pk), [*emails, *more])


def site_row(subject: Subject) -> Any:
    """Return the site's own row of the person, as the service sees it; None without one."""
    bound = _ask("SELECT EXISTS (SELECT FROM sespan.customer_binding)", [])
    if subject.customer_id is None or not (bound and bound[0]):
        return None
    row = _ask(
        "SELECT to_jsonb(c)::text FROM sespan.customer_by_id(%s) AS c", [subject.customer_id]
    )
    return json.loads(row[0]) if row else None


def export(request: HttpRequest, subject: Subject) -> Iterator[tuple[str, list[Any]]]:
    """Give sections and their items; a section may come in several parts."""
    query = (
        "SELECT section, items::text, next_step"
        " FROM sespan.customer_export(%s::bigint, %s::text[], %s::text)"
    )
    place: str | None = None
    while True:
        section, items, place = _step(request, query, subject, place)
        yield str(section), json.loads(items)
        if place is None:
            return


def erase(request: HttpRequest, subject: Subject) -> dict[str, int]:
    """Take the person out; returns how many rows of what were changed. Again it changes nothing."""
    query = (
        "SELECT section, done::text, next_step"
        " FROM sespan.customer_erase(%s::bigint, %s::text[], %s::text)"
    )
    total: dict[str, int] = {}
    place: str | None = None
    while True:
        _section, done, place = _step(request, query, subject, place)
        for name, number in json.loads(done).items():
            before = 0 if name == "sending" else total.get(name, 0)  # these are counted again
            total[name] = before + number
        if place is None:
            return total


def _step(request: HttpRequest, query: str, subject: Subject, place: str | None) -> Any:
    with audited(request):
        return _ask(query, [subject.customer_id, subject.addresses, place])


def _ask(query: str, values: list[Any]) -> Any:
    alias = get_settings().database
    with connections[alias].cursor() as cursor:
        if alias == users_alias():
            customer_table.check(cursor)
        cursor.execute(query, values)
        return cursor.fetchone()
