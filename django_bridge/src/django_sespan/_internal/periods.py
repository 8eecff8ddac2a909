"""The periods that a report offers: whole days, both ends inclusive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext


@dataclass(frozen=True)
class Period:
    """Days and the steps that suit them."""

    label: str
    first: date
    last: date
    group_by: str = "day"


def periods(today: date) -> list[Period]:
    """Return them, seen from today."""
    month = today.replace(day=1)
    end = month - timedelta(days=1)
    return [
        Period(gettext("This month"), month, today),
        Period(gettext("Last month"), end.replace(day=1), end),
        Period(gettext("Today by hour"), today, today, "hour"),
        Period(gettext("Last 7 days"), today - timedelta(days=6), today),
        Period(gettext("Last 90 days"), today - timedelta(days=89), today, "week"),
        Period(gettext("This year"), today.replace(month=1, day=1), today, "month"),
    ]
