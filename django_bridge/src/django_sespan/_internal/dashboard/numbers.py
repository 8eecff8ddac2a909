"""Numbers and shares as people of the request's language write them."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

NOTHING = "–"


def count(value: int) -> str:
    """Return a whole number with thousands separators."""
    return _grouped(value, 0)


def money(value: Decimal) -> str:
    """Return an amount, without decimals where it has none. The currency is the site's own."""
    return _grouped(value, 0 if value == value.to_integral_value() else 2)


def written(value: int | Decimal) -> str:
    """Return a whole number or an amount."""
    return money(value) if isinstance(value, Decimal) else count(value)


def percent(rate: Decimal | float | None, places: int = 1) -> str:
    """Return a share of one as percent."""
    return NOTHING if rate is None else f"{_grouped(Decimal(rate) * 100, places)} %"


def share(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """Return part ÷ whole, None where there is no whole."""
    return Decimal(part) / Decimal(whole) if whole else None


def milliseconds(value: float | None) -> str:
    """Return a latency, with a decimal below ten."""
    if value is None:
        return NOTHING
    return f"{_grouped(Decimal(str(value)), 0 if value >= 10 else 1)} ms"  # noqa: PLR2004


def _grouped(value: int | Decimal, places: int) -> str:
    text = f"{value:.{places}f}"
    text = text.removeprefix("-") if not text.strip("-0.") else text  # no "-0"
    written: str = number_format(text, decimal_pos=places, use_l10n=True, force_grouping=True)
    return written
