"""Who may be activated by a code: `sespan.otp_register` and its siblings, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from django_sespan._internal.registrations import ActivationRight, RegisterResult, Registrations
from django_sespan.testing import customers

GRANT_WINDOW = timedelta(hours=24)


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

    def register(self, user: Any) -> RegisterResult:
        """Grant the right of a customer who was just created: `granted`, `live` or `ended`."""
        customer_id = str(user.pk)
        self.superseded(customer_id)
        before = self.right(user)
        if before == "none" and self.grant(customer_id):
            return "granted"
        return "live" if before == "live" else "ended"

    def right(self, user: Any) -> ActivationRight:
        """Return `live`, `ended` or `none`."""
        return self.state(str(user.pk))

    def unused(self, before: datetime, *, portion: int = 0) -> Iterator[int]:
        """Yield the keys of customers whose right is older than `before` and unused, ascending."""
        keys = [int(c) for c in self._rights if self._is_unused(c, before)]
        yield from sorted(keys)

    def grant(self, customer_id: str) -> bool:
        """Grant the right to an inactive customer who joined within a day and never had one."""
        customer = customers.by_id(customer_id)
        if customer is None or customer.active or self.state(customer_id) != "none":
            return False
        now = datetime.now(UTC)
        if customer.joined is not None and _aware(customer.joined) <= now - GRANT_WINDOW:
            return False
        self._rights[customer_id] = _Right(customer.identity, now)
        return True

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


def _aware(value: datetime) -> datetime:
    return timezone.make_aware(value) if timezone.is_naive(value) else value
