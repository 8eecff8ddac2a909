"""Amounts and shares as a person reads them: one place for the staff's pages."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

from django_sespan.conf import get_settings

PLACES = 2
NO_BREAK = "\N{NO-BREAK SPACE}"


def trimmed(value: Decimal, least: int = 0) -> Decimal:
    """Drop trailing zeros of the scale that the database keeps, down to `least` places."""
    shortest = value.normalize()
    exponent = shortest.as_tuple().exponent
    places = max(least, -exponent if isinstance(exponent, int) else 0)
    return value.quantize(Decimal(1).scaleb(-places))


def money(value: Decimal) -> str:
    """Write an amount in SESPAN["CURRENCY"]: in groups, and without decimals where it has none."""
    whole = value == value.to_integral_value()
    text = number_format(trimmed(value, 0 if whole else PLACES), force_grouping=True)
    return f"{get_settings().currency}{NO_BREAK}{text}".strip(NO_BREAK)


def percent(fraction: Decimal) -> str:
    """Write a share of one as percent, exactly."""
    return f"{number_format(trimmed(fraction * 100))}{NO_BREAK}%"
