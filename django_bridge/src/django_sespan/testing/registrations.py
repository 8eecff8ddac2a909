"""Who may be activated by a code: `sespan.otp_register` and its siblings, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django_sespan._internal.registrations import (
    ActivationRight,
    RegisterResult,
    Registrations,
    SupersedeResult,
)
from django_sespan.testing import customers


@dataclass
class _Right:
    identity: tuple[str, str]
    granted_at: datetime
    ended: bool = False


class FakeRegistrations(Registrations):
    """The rights to activate of this test run."""

    superseded: Callable[[str], None]
    """Called with the customer whose pending challenges end."""

    def __init__(self) -> None:
        self._rights: dict[str, _Right] = {}

    def require(self) -> None:
        """Sespan in memory is always there."""

    def register(self, user: Any) -> RegisterResult:
        """Grant the right to an inactive customer who never had one.

        That the row is new is taken from the caller: in a test nearly all of them are.
        """
        customer_id, customer = str(user.pk), customers.by_id(user.pk)
        answer = self.supersede(user)
        if customer is None or customer.active or self.state(customer_id) != "none":
            return answer
        self._rights[customer_id] = _Right(customer.identity, datetime.now(UTC))
        return "granted"

    def supersede(self, user: Any) -> SupersedeResult:
        """End the pending codes: `live` or `ended`. Grants nothing."""
        self.superseded(str(user.pk))
        self.activated(user)
        return "live" if self.right(user) == "live" else "ended"

    def activated(self, user: Any) -> None:
        """End the right of a customer who is active."""
        self.see(str(user.pk))

    def see(self, customer_id: str) -> None:
        """End the right of a customer who is active, by key: each call about a code looks."""
        customer = customers.by_id(customer_id) if customer_id in self._rights else None
        if customer is not None and customer.active:
            self.end(customer_id)

    def right(self, user: Any) -> ActivationRight:
        """Return `live`, `ended` or `none`."""
        return self.state(str(user.pk))

    def unused(self, before: datetime, *, portion: int = 0) -> Iterator[int]:
        """Yield the keys of customers whose right is older than `before` and unused, ascending."""
        keys = [int(c) for c in self._rights if self._is_unused(c, before)]
        yield from sorted(keys)

    def state(self, customer_id: str) -> ActivationRight:
        """Return `live`, `ended` or `none` by key."""
        right, customer = self._rights.get(customer_id), customers.by_id(customer_id)
        if right is None or customer is None or right.identity != customer.identity:
            return "none"
        return "ended" if right.ended else "live"

    def end(self, customer_id: str) -> None:
        """Use the right up, or revoke it."""
        if right := self._rights.get(customer_id):
            right.ended = True

    def shift(self, by: timedelta) -> None:
        """Make everything older."""
        for right in self._rights.values():
            right.granted_at -= by

    def _is_unused(self, customer_id: str, before: datetime) -> bool:
        return self.state(customer_id) == "live" and self._rights[customer_id].granted_at < before
