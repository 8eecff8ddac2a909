"""The database functions for staff: inspect the queue, retry, cancel, pause.

Each gives rows as dicts with the columns of `sespan.mail_…` as keys. What changes
something takes the actor, who stands in `sespan.audit` with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connections, transaction

from django_sespan._internal import address, customer_table
from django_sespan.mail.reasons import sentence

Row = dict[str, Any]

MISSING = frozenset({"42P01", "42883", "3F000", "42703"})
"""SQLSTATE of an unknown table, function, schema, column."""
DENIED = "42501"


class SchemaMissing(Exception):
    """Sespan's schema, or the part of it that is asked for, is not in this database."""


class RoleMissing(Exception):
    """The site's database login lacks a role; the text names what was refused."""


def find(
    using: str, filters: Mapping[str, str | None], between: tuple[int, int | None], portion: int
) -> list[Row]:
    """Return mails, newest first, whose number is above the first and below the second bound.

    Filters: state, category, recipient (its beginning), subject (a part of it).
    """
    values = [filters.get(name) for name in ("state", "category", "recipient", "subject")]
    if values[2]:
        with suppress(ValueError):  # the beginning of an address
            values[2] = address.mailbox(values[2])
    return _rows(
        using,
        "SELECT * FROM sespan.mail_find(state => %s::text, category => %s::text,"
        " recipient => %s::text, subject => %s::text, after => %s::bigint, before => %s::bigint,"
        " portion => %s::int)",
        [*values, *between, portion],
    )


def bounds(using: str, since: datetime, until: datetime) -> tuple[int, int] | None:
    """Return the first and the last message_id that was made in [since, until), if any."""
    (row,) = _rows(
        using,
        "SELECT min(message_id) AS first, max(message_id) AS last FROM sespan.mail_message"
        " WHERE created_at >= %s AND created_at < %s",
        [since, until],
    )
    return None if row["first"] is None else (row["first"], row["last"])


def newest(using: str) -> int:
    """Return the highest message_id, 0 for none."""
    (row,) = _rows(using, "SELECT max(message_id) AS id FROM sespan.mail_message")
    return int(row["id"] or 0)


def oldest(using: str) -> int:
    """Return the lowest message_id, 0 for none."""
    (row,) = _rows(using, "SELECT min(message_id) AS id FROM sespan.mail_message")
    return int(row["id"] or 0)


def estimate(using: str) -> int:
    """Return about how many mails there are, as of the last ANALYZE; nothing is counted."""
    (row,) = _rows(
        using,
        "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS mails"
        " FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'sespan.mail_message'::regclass",
    )
    return int(row["mails"])


def why(using: str, message_id: int) -> list[Row]:
    """Return each recipient with its state and a sentence that says why."""
    return _explained(
        using,
        "SELECT recipient, state, reason, facts, attempts, finished_at,"
        " CASE WHEN isfinite(next_try) THEN next_try END AS next_try"  # a pause is without end
        " FROM sespan.mail_why(%s::bigint)",
        [message_id],
    )


def audits(using: str, message_id: int) -> list[Row]:
    """Return what staff did with a mail, oldest first."""
    return _rows(
        using,
        "SELECT at, actor, login, action, detail FROM sespan.audit"
        " WHERE subject = 'mail' AND ids @> ARRAY[%s::bigint] ORDER BY at, audit_id LIMIT 100",
        [message_id],
    )


def status(using: str) -> list[Row]:
    """Return the number of mails in each state that is not a good end."""
    return _rows(using, "SELECT * FROM sespan.mail_status()")


def pauses(using: str) -> list[Row]:
    """Return what is not sent at the moment: what, since, actor."""
    return _rows(using, "SELECT what, since, actor FROM sespan.mail_pause ORDER BY since, what")


def stuck(using: str, limit: int = 20) -> list[Row]:
    """Return mails that need a look, each with a sentence."""
    return _explained(
        using,
        "SELECT kind, message_id, recipient, state, since, reason, facts"
        " FROM sespan.mail_stuck LIMIT %s",
        [limit],
    )


def stuck_kinds(using: str) -> dict[str, int]:
    """Return how many mails need a look, by kind."""
    rows = _rows(using, "SELECT kind, count(*) AS mails FROM sespan.mail_stuck GROUP BY kind")
    return {row["kind"]: row["mails"] for row in rows}


def throughput(using: str) -> list[Row]:
    """Return recipients by minute of the last hour, newest first."""
    return _rows(using, "SELECT minute, sent, failed, withheld FROM sespan.mail_throughput")


def retry(using: str, ids: Sequence[int], actor: str) -> list[Row]:
    """Send again what can be; one row for each recipient with what was done."""
    return _explained(
        using,
        "SELECT message_id, recipient, was, state, changed, reason, facts"
        " FROM sespan.mail_retry(%s::bigint[], %s::text)",
        [list(ids), actor],
    )


def cancel(using: str, ids: Sequence[int], actor: str) -> list[Row]:
    """Take out of the queue what can be; one row for each recipient with what was done."""
    return _explained(
        using,
        "SELECT message_id, recipient, was, state, changed, reason, facts"
        " FROM sespan.mail_cancel(%s::bigint[], %s::text)",
        [list(ids), actor],
    )


def pause(using: str, what: str, actor: str) -> list[Row]:
    """Stop `all`, `category:x` or `domain:x`; return the pause."""
    call = "SELECT * FROM sespan.mail_pause(%s::text, %s::text)"
    return _rows(using, call, [_ascii(what), actor])


def resume(using: str, what: str, actor: str) -> list[Row]:
    """End a pause; no row where there was none."""
    call = "SELECT * FROM sespan.mail_resume(%s::text, %s::text)"
    return _rows(using, call, [_ascii(what), actor])


def _ascii(what: str) -> str:
    """Write the domain of `domain:x` as A-labels; what is none the database refuses."""
    scope, colon, name = what.partition(":")
    if scope == "domain":
        with suppress(ValueError):
            name = address.domain(name)
    return f"{scope}{colon}{name}"


def preview(using: str, message_id: int, actor: str) -> Row | None:
    """Return the content of a mail; the database records who read it."""
    rows = _explained(
        using, "SELECT * FROM sespan.mail_preview(%s::bigint, %s::text)", [message_id, actor]
    )
    if not rows:
        return None
    for name in ("headers", "attachments"):
        rows[0][name] = _decoded(rows[0][name])
    return rows[0]


def revoke_activation(using: str, customer_id: int) -> None:
    """End a customer's right to become active by a code."""
    with translated_errors(), transaction.atomic(using=using):
        with connections[using].cursor() as cursor:
            customer_table.check(cursor)
        _rows(using, "SELECT sespan.otp_revoke(%s::bigint) AS customer_id", [customer_id])


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise SchemaMissing or RoleMissing for what PostgreSQL reports as missing or denied."""
    try:
        yield
    except DatabaseError as exc:
        cause = exc.__cause__
        code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if code in MISSING:
            raise SchemaMissing(str(exc).splitlines()[0]) from exc
        if code == DENIED:
            raise RoleMissing(str(exc).splitlines()[0]) from exc
        if (other := customer_table.mismatch(exc)) is not None:
            raise other from exc
        raise


def _rows(using: str, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    # A savepoint: what is refused must not break the site's transaction around it.
    with (
        translated_errors(),
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
    ):
        cursor.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _explained(using: str, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    """Return rows with a `sentence` made of their reason and facts."""
    rows = _rows(using, sql, values)
    for row in rows:
        row["sentence"] = sentence(row["reason"], _decoded(row["facts"]) or {})
    return rows


def _decoded(value: Any) -> Any:
    # Not every driver decodes jsonb.
    return json.loads(value) if isinstance(value, str) else value
