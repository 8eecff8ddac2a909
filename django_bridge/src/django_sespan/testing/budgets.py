"""Budgets of a test run: guesses are counted by the usual limits, mails are free.

A test that sends many mails would only trip over their limits; `refuse` shows what they do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django_sespan._internal.address import key_or_text
from django_sespan._internal.budgets import Budgets, Noun

PERIOD = timedelta(minutes=15)
PER_ADDRESS = 10
PER_VISITOR = 20


class FakeBudgets(Budgets):
    """In memory, for one test."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], list[datetime]] = {}
        self._mails_wait = 0

    def refuse(self, seconds: int = 60) -> None:
        """Let no mail go for so many seconds, which do not pass; 0 ends it."""
        self._mails_wait = seconds

    def take(self, noun: Noun, email: str, *, known: bool, visitor: str | None) -> int:
        """Count a guess."""
        wait = self.wait(noun, email, known=known, visitor=visitor)
        if wait == 0 and noun == "guesses":
            for key in self._keys(email, known, visitor):
                self._used.setdefault(key, []).append(datetime.now(UTC))
        return wait

    def wait(self, noun: Noun, email: str, *, known: bool, visitor: str | None) -> int:
        """Return the seconds until a use may be made."""
        if noun == "mails":
            return self._mails_wait
        now, waits = datetime.now(UTC), [0.0]
        for key, most in self._keys(email, known, visitor).items():
            used = [at for at in self._used.get(key, []) if at > now - PERIOD]
            if len(used) >= most:
                waits.append((used[-most] + PERIOD - now).total_seconds())
        return -int(-max(waits) // 1)

    def give_back(self, noun: Noun, email: str, *, known: bool, visitor: str | None) -> None:
        """Take the newest guess back."""
        for key in self._keys(email, known, visitor):
            if used := self._used.get(key):
                used.pop()

    def shift(self, by: timedelta) -> None:
        """Make everything older."""
        self._used = {key: [at - by for at in used] for key, used in self._used.items()}

    def _keys(self, email: str, known: bool, visitor: str | None) -> dict[tuple[str, str], int]:
        keys = {("browser" if known else "address", key_or_text(email)): PER_ADDRESS}
        if visitor and not known:
            keys["visitor", visitor] = PER_VISITOR
        return keys
