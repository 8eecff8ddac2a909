"""Mails that go to the database with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage

from django_sespan.mail.parameters import Parameters

MOST = 500
"""Mails in one statement."""
HEAVY = 4 << 20
"""Characters in one statement, about; a mail of that weight goes alone."""


@dataclass(frozen=True)
class Mail:
    """A message, where it goes and as what; or why it does not go."""

    message: EmailMessage
    using: str
    parameters: Parameters
    refused: ValueError | None = None

    @property
    def weight(self) -> int:
        """Characters of what travels with the mail."""
        return _weight(self.parameters)


def grouped(mails: Iterable[Mail]) -> Iterator[list[Mail]]:
    """Give the mails in their order; a refused one, and a heavy one, stands alone."""
    group: list[Mail] = []
    weight = 0
    for mail in mails:
        more = mail.weight
        if group and (
            mail.refused
            or mail.using != group[0].using
            or len(group) >= MOST
            or weight + more > HEAVY
        ):
            yield group
            group, weight = [], 0
        if mail.refused:
            yield [mail]
            continue
        group.append(mail)
        weight += more
    if group:
        yield group


def _weight(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(_weight(v) for v in value.values())
    return sum(_weight(v) for v in value) if isinstance(value, list) else 0
