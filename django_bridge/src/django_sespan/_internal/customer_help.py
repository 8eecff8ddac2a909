"""Why a customer gets no mail, and what is given back: `sespan.customer_help` and its siblings.

Times are aware; nothing of it is a code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, transaction

from django_sespan._internal import customer_table
from django_sespan._internal.address import fold_ascii, key_or_text
from django_sespan.mail import queue_admin

CODES_SCOPE = "all"
"""The scope of a suppression that holds codes, too."""


@dataclass(frozen=True)
class Budget:
    """What an address has used of one of its limits; `free_at` where nothing is left."""

    scope: str
    used: int
    most: int | None
    seconds: int
    free_at: datetime | None


@dataclass(frozen=True)
class Suppression:
    """Why, since when and until when an address is not written to."""

    scope: str
    reason: str
    since: datetime
    until: datetime | None
    detail: str


@dataclass(frozen=True)
class Code:
    """A code, and where its mail is: state, reason and facts as `mail_why` gives them."""

    purpose: str
    status: str
    created_at: datetime
    valid_until: datetime
    decoy: bool
    same_address: bool
    message_id: int | None
    mail_state: str | None
    mail_reason: str | None
    mail_facts: Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """All that Sespan knows; `at` is the database's time."""

    at: datetime
    right: str
    codes: Sequence[Code]
    budgets: Sequence[Budget]
    suppressions: Sequence[Suppression]
    site_used_up: bool

    @property
    def suppressed(self) -> bool:
        """Whether codes are held back."""
        return any(s.scope == CODES_SCOPE for s in self.suppressions)

    @property
    def mails_used_up(self) -> bool:
        """Whether the address may have no mail now."""
        limits = (b.free_at for b in self.budgets if b.scope == "mails_address")
        return any(free_at is not None and free_at > self.at for free_at in limits)


def read(using: str, customer_id: int, email: str) -> Facts:
    """Return the facts; that they were read stands in the audit."""
    call = "SELECT sespan.customer_help(%s::bigint, %s::text)"
    found = _call(using, call, [customer_id, key_or_text(email)])
    return facts(json.loads(found) if isinstance(found, str) else found)


def facts(data: Mapping[str, Any]) -> Facts:
    """Return what the function's object says."""
    site = data["site"] or {}
    return Facts(
        at=_time(data["at"]),
        right=data["right"],
        codes=[_code(c) for c in data["codes"]],
        budgets=[
            Budget(b["scope"], b["used"], b["most"], b["seconds"], _time_or_none(b["free_at"]))
            for b in data["budgets"]
        ],
        suppressions=[
            Suppression(
                s["scope"],
                s["reason"],
                _time(s["since"]),
                _time_or_none(s["until"]),
                s["detail"] or "",
            )
            for s in data["suppressions"]
        ],
        site_used_up=site.get("most") is not None and site["used"] >= site["most"],
    )


def reset(using: str, customer_id: int, email: str) -> int:
    """Give the address back what it has used up; return how many uses."""
    call = "SELECT sespan.customer_help_reset(%s::bigint, %s::text)"
    return int(_call(using, call, [customer_id, key_or_text(email)]))


def lift(using: str, email: str) -> int:
    """End what holds codes back from this address; return how many suppressions."""
    call = "SELECT count(*) FROM sespan.mail_unsuppress(%s::text, NULL, %s::text, %s::text)"
    key = key_or_text(email)
    return int(_call(using, call, [fold_ascii(email), key, CODES_SCOPE]))


def end_codes(using: str, customer_id: int) -> int:
    """End the codes of a customer whose address is about to be corrected."""
    return int(_call(using, "SELECT sespan.customer_help_end_codes(%s::bigint)", [customer_id]))


def _call(using: str, query: str, values: Sequence[Any]) -> Any:
    # A savepoint: what is refused must not break the site's transaction around it.
    with (
        queue_admin.translated_errors(),
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
    ):
        customer_table.check(cursor)
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def _code(data: Mapping[str, Any]) -> Code:
    return Code(
        purpose=data["purpose"],
        status=data["status"],
        created_at=_time(data["created_at"]),
        valid_until=_time(data["valid_until"]),
        decoy=data["decoy"],
        same_address=bool(data["same_address"]),
        message_id=data["message_id"],
        mail_state=data["mail_state"],
        mail_reason=data["mail_reason"],
        mail_facts=data["mail_facts"] or {},
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time_or_none(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
