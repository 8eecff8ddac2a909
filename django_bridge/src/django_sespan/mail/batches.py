"""Mails that go to the database with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage

from django_sespan.mail.parameters import Parameters

MAX_MAILS = 500
"""Mails in one statement."""
MAX_CHARACTERS = 4 << 20
"""Characters in one statement, about; a mail of that size goes alone."""


@dataclass(frozen=True)
class Mail:
    """A message, its database and its parameters; or why it is refused."""

    message: EmailMessage
    using: str
    parameters: Parameters
    refused: ValueError | None = None
    last_resort: bool = False

    @property
    def size(self) -> int:
        """Characters of its parameters."""
        return _size(self.parameters)


def in_batches(mails: Iterable[Mail]) -> Iterator[list[Mail]]:
    """Yield the mails in their order; a refused one, and a large one, is alone in its batch."""
    batch: list[Mail] = []
    size = 0
    for mail in mails:
        more = mail.size
        if batch and (
            mail.refused
            or mail.using != batch[0].using
            or len(batch) >= MAX_MAILS
            or size + more > MAX_CHARACTERS
        ):
            yield batch
            batch, size = [], 0
        if mail.refused:
            yield [mail]
            continue
        batch.append(mail)
        size += more
    if batch:
        yield batch


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(_size(v) for v in value.values())
    return sum(_size(v) for v in value) if isinstance(value, list) else 0
