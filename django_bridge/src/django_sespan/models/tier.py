"""Discount tiers. Read as rows, written through `sespan.tier_save` and `tier_delete`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connections, models, transaction
from django.utils.translation import gettext_lazy as _

from django_sespan.conf import get_settings
from django_sespan.errors import SespanError

REFUSED = {"SP004", "23P01"}
"""SQLSTATEs with which the database refuses a tier: a bad value, an overlap."""


SHARES = frozenset({"probability", "discount"})
AMOUNTS = frozenset(
    {"minimum_transaction", "maximum_transaction", "maximum_discount", "budget_amount"}
)
"""Columns that are shown as percent, and in the site's currency."""

EMPTY = _("Empty: no limit.")


class TierRefused(SespanError):
    """The database refused a tier; `field` is the column, or "" for the tier as a whole."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


class TransactionTier(models.Model):
    """A row of `sespan.transaction_tier`. Amounts are half-open: minimum ≤ amount < maximum."""

    tier_id = models.BigAutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    is_active = models.BooleanField(_("active"), default=True)
    minimum_transaction = models.DecimalField(
        _("from amount"), max_digits=19, decimal_places=4, null=True, blank=True, help_text=EMPTY
    )
    maximum_transaction = models.DecimalField(
        _("below amount"), max_digits=20, decimal_places=4, null=True, blank=True, help_text=EMPTY
    )
    probability = models.DecimalField(
        _("probability"), max_digits=19, decimal_places=18, help_text=_("0 to 1")
    )
    discount = models.DecimalField(
        _("discount"), max_digits=7, decimal_places=6, help_text=_("fraction of the amount, 0 to 1")
    )
    starts_at = models.DateTimeField(
        _("starts"), null=True, blank=True, help_text=_("Empty: at once.")
    )
    ends_at = models.DateTimeField(
        _("ends"), null=True, blank=True, help_text=_("Empty: it goes on.")
    )
    maximum_discount = models.DecimalField(
        _("largest discount"),
        max_digits=19,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=EMPTY,
    )
    budget_amount = models.DecimalField(
        _("budget of discounts"),
        max_digits=22,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=EMPTY,
    )
    budget_uses = models.BigIntegerField(
        _("winners at most"), null=True, blank=True, help_text=EMPTY
    )
    per_customer_uses = models.IntegerField(
        _("wins per customer"), null=True, blank=True, help_text=EMPTY
    )
    per_customer_draws = models.IntegerField(
        _("draws per customer and day"),
        null=True,
        blank=True,
        default=3,
        help_text=_(
            "Further draws of that day cannot win. A changed cart is a new draw: empty, for no "
            "limit, lets whoever goes on changing the cart win at last."
        ),
    )
    updated_at = models.DateTimeField(_("saved"), editable=False)

    class Meta:
        managed = False
        db_table = 'sespan"."transaction_tier'
        ordering = ["minimum_transaction", "tier_id"]
        verbose_name = _("discount tier")
        verbose_name_plural = _("discount tiers")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write through `tier_save`; raises TierRefused."""
        names = [f.attname for f in self._meta.concrete_fields if f.attname not in _OWN]
        if self.pk is not None:
            names.append("tier_id")
        arguments = ", ".join(f"{name} => %s::{_TYPES[name]}" for name in names)
        sql = f"SELECT tier_id FROM sespan.tier_save({arguments})"  # noqa: S608  (names are ours)
        (self.pk,) = _call(sql, [_value(getattr(self, name)) for name in names])
        self._state.adding = False
        self._state.db = get_settings().database

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete through `tier_delete`; its transactions and its history stay."""
        (deleted,) = _call("SELECT sespan.tier_delete(tier_id => %s)", [self.pk])
        return int(deleted), {self._meta.label: int(deleted)}


_OWN = {"tier_id", "updated_at"}
"""Columns that the database fills in."""

_TYPES = {
    "tier_id": "bigint",
    "name": "text",
    "is_active": "boolean",
    "minimum_transaction": "numeric",
    "maximum_transaction": "numeric",
    "probability": "numeric",
    "discount": "numeric",
    "starts_at": "timestamptz",
    "ends_at": "timestamptz",
    "maximum_discount": "numeric",
    "budget_amount": "numeric",
    "budget_uses": "bigint",
    "per_customer_uses": "integer",
    "per_customer_draws": "integer",
}


def _value(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _call(sql: str, values: list[Any]) -> tuple[Any, ...]:
    using = get_settings().database
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(sql, values)
            row: tuple[Any, ...] = cursor.fetchone()
            return row
    except DatabaseError as exc:
        cause: Any = exc.__cause__
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if state not in REFUSED:
            raise
        diag = cause.diag
        raise TierRefused(diag.message_primary or str(exc), diag.column_name or "") from exc
