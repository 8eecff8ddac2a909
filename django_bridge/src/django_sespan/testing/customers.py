"""The site's customers as Sespan would see them: every row, whatever the managers hide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import QuerySet

from django_sespan._internal.accounts import of_address
from django_sespan._internal.user_rows import is_readable, readable


@dataclass(frozen=True)
class Customer:
    """One customer. `identity` differs when another customer has the same key."""

    customer_id: str
    email: str
    active: bool
    joined: datetime | None

    @property
    def identity(self) -> tuple[str, str]:
        """What distinguishes rows with one key: the key of a rolled-back test may come again."""
        return self.customer_id, str(self.joined or self.email)


def by_id(customer_id: object) -> Customer | None:
    """Return the customer with this key."""
    try:
        user = _all().filter(pk=customer_id).first()
    except (ValueError, TypeError, ValidationError):
        return None
    return None if user is None else _customer(user)


def by_email(email: str) -> list[Customer]:
    """Return the customers with this address, however it is spelled; two at most."""
    return [_customer(user) for user in of_address(_all(), email)[:2]]


def activate(customer_id: str) -> None:
    """Set `is_active`, as a correct code does; no signal is sent, as none is by the service."""
    _all().filter(pk=customer_id).update(is_active=True)


def _all() -> QuerySet[Any]:
    model = get_user_model()
    return readable(model._base_manager.using(router.db_for_write(model)))


def _customer(user: Any) -> Customer:
    return Customer(
        customer_id=str(user.pk),
        email=str(getattr(user, user.get_email_field_name(), "") or ""),
        active=bool(user.is_active),
        joined=getattr(user, "date_joined", None) if is_readable(user) else None,
    )
