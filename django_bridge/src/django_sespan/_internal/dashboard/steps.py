"""The names of the steps of a range, in the time zone of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.dateformat import format as format_date
from django.utils.translation import get_language

from django_sespan._internal.stats import Range

NAME_FORMATS = {"hour": "D j M, H:i", "day": "D j M Y", "week": "j M Y", "month": "F Y"}
"""Step → how it is written; Django translates the names in it."""


@dataclass(frozen=True)
class Steps:
    """The steps of one answer: their beginnings, and how they are written."""

    starts: Sequence[datetime]
    step: str

    @property
    def names(self) -> Sequence[str]:
        """Return what a table shows: unmistakable, but short."""
        return _names(tuple(self.starts), self.step, get_language())

    @property
    def ticks(self) -> list[str]:
        """Return what stands under an axis."""
        return [format_date(start, _tick_format(self.step, start)) for start in self.starts]

    @property
    def majors(self) -> list[bool]:
        """Return which steps begin something larger: a day, a week, a month, a year."""
        return [_is_major(self.step, start) for start in self.starts]

    @property
    def stamps(self) -> list[tuple[str, str]]:
        """Return what a spreadsheet reads: the local time, and the offset that makes it exact."""
        wanted = "%Y-%m-%d %H:%M" if self.step == "hour" else "%Y-%m-%d"
        return [(start.strftime(wanted), start.strftime("%z")) for start in self.starts]


def steps(answer: Range, starts: Sequence[datetime]) -> Steps:
    """Return the steps in the answer's own time zone: its days are Sespan's days."""
    zone = zone_of(answer)
    return Steps([start.astimezone(zone) for start in starts], answer.step)


@lru_cache(maxsize=4)  # all answers of a page have the same steps
def _names(starts: tuple[datetime, ...], step: str, _language: str | None) -> Sequence[str]:
    return tuple(format_date(start, NAME_FORMATS[step]) for start in starts)


def zone_of(answer: Range) -> tzinfo:
    """Return the time zone of an answer; UTC where this machine does not know it."""
    try:
        return ZoneInfo(answer.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _tick_format(step: str, start: datetime) -> str:
    if step == "hour" and start.hour:
        return "H:i"
    return "M Y" if step == "month" else "j M"


def _is_major(step: str, start: datetime) -> bool:
    return {
        "hour": start.hour == 0,
        "day": start.weekday() == 0,
        "week": start.day <= 7,  # noqa: PLR2004  (the first week of a month)
        "month": start.month == 1,
    }[step]
