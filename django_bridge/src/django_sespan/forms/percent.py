"""A share of one, shown and taken as percent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from django_sespan._internal.money import trimmed

HUNDRED = 100


class PercentField(forms.DecimalField):
    """Takes 12.5 for 0.125, exactly: `places` are those of the fraction that is stored."""

    def __init__(self, *, places: int, **options: Any) -> None:
        super().__init__(
            min_value=0,
            max_value=HUNDRED,
            max_digits=places + 1,
            decimal_places=places - 2,
            **options,
        )
        self.widget.attrs.update(inputmode="decimal", step="any")

    def prepare_value(self, value: Any) -> Any:
        """Show a stored fraction as percent, and what was typed as it is."""
        return trimmed(value * HUNDRED) if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Decimal | None:
        """Return the fraction."""
        percent: Decimal | None = super().clean(value)
        return None if percent is None else percent.scaleb(-2)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as percent."""
        before = initial * HUNDRED if isinstance(initial, Decimal) else initial
        return super().has_changed(before, data)
