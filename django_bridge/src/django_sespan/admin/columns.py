"""Columns with exact numbers in readable form.

They are typed Any: the stubs know callables in list_display, but not in fields and readonly_fields.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.utils.formats import number_format

MONEY_PLACES = 2


def trimmed(value: Decimal, least: int = 0) -> Decimal:
    """Drop trailing zeros of the scale that the database keeps, down to `least` places."""
    shortest = value.normalize()
    exponent = shortest.as_tuple().exponent
    places = max(least, -exponent if isinstance(exponent, int) else 0)
    return value.quantize(Decimal(1).scaleb(-places))


def decimal_column(model: type[Model], name: str, least: int = 0) -> Any:
    """Make a column of a decimal field that shows no trailing zeros."""
    label = model._meta.get_field(name).verbose_name  # type: ignore[union-attr]

    @admin.display(description=label, ordering=name, empty_value="–")
    def show(row: Any) -> str | None:
        value = getattr(row, name)
        return None if value is None else number_format(trimmed(value, least))

    return show


def key_column(model: type[Model], name: str) -> Any:
    """Make a column of a key: people copy it, so no thousands are grouped in it."""
    label = model._meta.get_field(name).verbose_name  # type: ignore[union-attr]

    @admin.display(description=label, ordering=name, empty_value="–")
    def show(row: Any) -> str | None:
        value = getattr(row, name)
        return None if value is None else str(value)

    return show


def money_column(model: type[Model], name: str) -> Any:
    """Make a column of an amount: at least two places."""
    return decimal_column(model, name, MONEY_PLACES)


def milliseconds_column(model: type[Model], name: str) -> Any:
    """Make a column of a duration in milliseconds."""
    label = model._meta.get_field(name).verbose_name  # type: ignore[union-attr]

    @admin.display(description=label, ordering=name, empty_value="–")
    def show(row: Any) -> str | None:
        value = getattr(row, name)
        if value is None:
            return None
        return f"{number_format(round(value / timedelta(milliseconds=1), 1), 1)} ms"

    return show
