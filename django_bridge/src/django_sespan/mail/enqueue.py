"""The statements that put mails into the queue: one mail, many at once, attachments first."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from django_sespan.mail.blobs import Blob
from django_sespan.mail.parameters import Parameters

CASTS = {
    "recipients": "text[]",
    "cc": "text[]",
    "bcc": "text[]",
    "headers": "jsonb",
    "attachments": "jsonb",
    "raw": "bytea",
    "priority": "integer",
    "send_at": "timestamptz",
    "expires_at": "timestamptz",
    "retain_body": "boolean",
}
MAX_BYTES = 25 << 20
"""No mail is larger, attachments counted in base64; checked before its pieces travel."""


def enqueue(using: str, mails: Sequence[Parameters]) -> list[int]:
    """Queue all the mails or, with a DatabaseError, none; return their numbers.

    Inside a transaction it is one savepoint, else one statement that commits by itself.
    """
    connection = connections[using]
    blobs = {blob.sha256: blob for mail in mails for blob in _blobs(mail)}
    if not (blobs or connection.in_atomic_block) and connection.get_autocommit():
        return _call(connection, mails)
    with transaction.atomic(using=using):
        if blobs:
            _store_pieces(connection, blobs.values())
        return _call(connection, [_with_content(mail) for mail in mails])


def _call(connection: BaseDatabaseWrapper, mails: Sequence[Parameters]) -> list[int]:
    sql, values = as_sql(mails[0]) if len(mails) == 1 else as_batch(mails)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        (result,) = cursor.fetchone()
    return [int(result)] if len(mails) == 1 else [int(n) for n in result]


def as_sql(parameters: Parameters) -> tuple[str, list[Any]]:
    """Return `sespan.mail_enqueue(…)` in named notation and its values."""
    arguments, values = [], []
    for name, value in parameters.items():
        kind = CASTS.get(name, "text")
        arguments.append(f"{name} => %s::{kind}")
        values.append(json.dumps(value) if kind == "jsonb" else value)
    return f"SELECT sespan.mail_enqueue({', '.join(arguments)})", values


def as_batch(mails: Iterable[Parameters]) -> tuple[str, list[Any]]:
    """Return `sespan.mail_enqueue_batch(…)` and its value."""
    objects = [
        {**mail, "raw": base64.b64encode(mail["raw"]).decode()} if "raw" in mail else mail
        for mail in mails
    ]
    return "SELECT sespan.mail_enqueue_batch(%s::jsonb)", [json.dumps(objects)]


def refused_position(error: DatabaseError) -> int | None:
    """Return the place of the mail that a batch was refused for, None when it is unknown."""
    match = re.match(r"mails\[(\d+)\]", str(error))
    return int(match[1]) if match else None


def _blobs(mail: Parameters) -> Iterator[Blob]:
    blobs = [item["blob"] for item in mail.get("attachments", ()) if "blob" in item]
    if sum(blob.size for blob in blobs) * 4 // 3 > MAX_BYTES:
        raise ValueError("attachments: they are together larger than 25 MiB (in base64)")
    yield from blobs


def _with_content(mail: Parameters) -> Parameters:
    if not any("blob" in item for item in mail.get("attachments", ())):
        return mail
    return {**mail, "attachments": [_item(item) for item in mail["attachments"]]}


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if "blob" not in item:
        return item
    blob: Blob = item["blob"]
    rest = {name: value for name, value in item.items() if name != "blob"}
    return rest | {"sha256": blob.sha256.hex()}


def _store_pieces(connection: BaseDatabaseWrapper, blobs: Iterable[Blob]) -> None:
    """Store what the database does not have."""
    # Not connection.cursor(): while DEBUG is on that one keeps every statement, and with
    # it every piece, in memory.
    with connection.make_cursor(connection.create_cursor()) as cursor:
        for blob in blobs:
            _put(cursor, blob)


def _put(cursor: CursorWrapper, blob: Blob) -> None:
    cursor.execute("SELECT sespan.mail_attachment_known(%s::bytea)", [blob.sha256])
    if cursor.fetchone()[0]:
        return
    for number, piece, last in blob.numbered_pieces():
        cursor.execute(
            "SELECT sespan.mail_attachment_put(%s::bytea, %s::int, %s::bytea, %s::boolean)",
            [blob.sha256, number, piece, last],
        )
