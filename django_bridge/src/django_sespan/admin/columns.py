"""Columns with exact values in readable form.

They are typed Any: the stubs know callables in list_display, but not in fields and readonly_fields.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.utils import formats, timezone
from django.utils.formats import number_format
from django.utils.functional import Promise

from django_sespan._internal.money import money, percent
from django_sespan.models.tier import AMOUNTS, SHARES


def _column(
    model: type[Model],
    name: str,
    write: Callable[[Any], str],
    empty: str | Promise = "–",
    label: str | Promise = "",
) -> Any:
    shown = label or model._meta.get_field(name).verbose_name  # type: ignore[union-attr]

    @admin.display(description=shown, ordering=name, empty_value=empty)  # type: ignore[arg-type]
    def show(row: Any) -> str | None:
        value = getattr(row, name)
        return None if value is None else write(value)

    return show


def key_column(model: type[Model], name: str) -> Any:
    """Make a column of a key: people copy it, so no thousands are grouped in it."""
    return _column(model, name, str)


def money_column(
    model: type[Model], name: str, empty: str | Promise = "–", label: str | Promise = ""
) -> Any:
    """Make a column of an amount."""
    return _column(model, name, money, empty, label)


def percent_column(model: type[Model], name: str) -> Any:
    """Make a column of a share of one."""
    return _column(model, name, percent)


def moment_column(model: type[Model], name: str) -> Any:
    """Make a column of a time, with its seconds: calls follow each other fast."""
    return _column(model, name, moment)


def milliseconds_column(model: type[Model], name: str) -> Any:
    """Make a column of a duration in milliseconds."""
    return _column(
        model,
        name,
        lambda value: f"{number_format(round(value / timedelta(milliseconds=1), 1), 1)} ms",
    )


def tier_value(name: str, value: object) -> str:
    """Write a share or an amount of a tier; empty for anything else."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ""
    if name in SHARES:
        return percent(number)
    return money(number) if name in AMOUNTS else ""


def moment(value: datetime) -> str:
    """Write a time in the zone of the page."""
    aware = timezone.is_aware(value)
    local = value.astimezone(timezone.get_current_timezone()) if aware else value
    day = formats.date_format(local, "SHORT_DATE_FORMAT")
    return f"{day} {formats.date_format(local, 'H:i:s')}"
