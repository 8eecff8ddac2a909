"""Pretended registrations of a test run: `sespan.pretended_begin` and its siblings, in memory."""

from __future__ import annotations

from typing import Any

from django_sespan._internal.address import key_or_text
from django_sespan._internal.pretended_registrations import Kept, PretendedRegistrations


class FakePretendedRegistrations(PretendedRegistrations):
    """In memory, for one test; the form has looked whether a name is free."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Kept]] = {}

    def begin(
        self, email: str, name: str, password: str, customer_id: Any, *, pretended: bool
    ) -> None:
        """Keep a pretended one."""
        self._kept.pop(key_or_text(email), None)
        if pretended:
            self._kept[key_or_text(email)] = (name, Kept(customer_id, password))

    def find(self, login: str) -> Kept | None:
        """Return the one of an address, or else of a user name."""
        found = self._kept.get(key_or_text(login))
        named = (kept for kept in self._kept.values() if kept[0] == login)
        name_and_kept = found or next(named, None)
        return None if name_and_kept is None else name_and_kept[1]

    def end(self, email: str, password: str) -> None:
        """Forget the one of an address, where it still has this hash of a password."""
        kept = self._kept.get(key_or_text(email))
        if kept is not None and kept[1].password == password:
            del self._kept[key_or_text(email)]

    def takes_name(self, name: str, email: str) -> bool:
        """Whether the one of another address has this user name."""
        own = key_or_text(email)
        return any(kept[0] == name for key, kept in self._kept.items() if key != own)
