"""A page of the list of mails, in bounded time however many there are.

Mails are found from the newest down by their number (keyset paging). A state other than
sent has an index; category, recipient and subject have none, as every mail would pay for it.
Those are looked for in windows of numbers, until the page is full or the time is up; the
page then shows how far the search went, and the next one continues there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock

from django.utils import timezone

from django_sespan.mail import queue_admin
from django_sespan.mail.queue_admin import Row

PAGE = 50
WINDOW = 20_000
"""Mails that are looked through at a time."""
TIME_BUDGET = 0.05
"""Seconds after which no further window is begun."""


@dataclass(frozen=True)
class Criteria:
    """What is looked for; None is anything."""

    state: str | None = None
    category: str | None = None
    recipient: str | None = None
    subject: str | None = None
    day: date | None = None
    before: int | None = None


@dataclass(frozen=True)
class Page:
    """What was found, and from where to go on: below `older`, None at the end."""

    rows: list[Row]
    older: int | None = None
    complete: bool = True
    """Whether `older` follows from the rows; else it is where the time was up."""


def search(using: str, criteria: Criteria, now: Callable[[], float] = time.monotonic) -> Page:
    """Return one page."""
    after, top = -1, criteria.before
    if criteria.day is not None:
        bounds = queue_admin.bounds(using, *_day_range(criteria.day))
        if bounds is None:
            return Page([])
        after, top = bounds[0] - 1, min(bounds[1] + 1, top or bounds[1] + 1)
    if criteria.category or criteria.recipient or criteria.subject:
        return _by_windows(using, criteria, after, top, now)
    return _page(_find(using, criteria, after, top))


def _day_range(day: date) -> tuple[datetime, datetime]:
    first = timezone.make_aware(datetime.combine(day, clock.min))
    after = timezone.make_aware(datetime.combine(day + timedelta(days=1), clock.min))
    return first, after


def _find(using: str, criteria: Criteria, after: int, top: int | None) -> list[Row]:
    filters = {
        "state": criteria.state,
        "category": criteria.category,
        "recipient": criteria.recipient,
        "subject": criteria.subject,
    }
    return queue_admin.find(using, filters, (after, top), PAGE + 1)


def _page(rows: list[Row]) -> Page:
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    return Page(rows, rows[-1]["message_id"] if more else None)


def _by_windows(
    using: str, criteria: Criteria, after: int, top: int | None, now: Callable[[], float]
) -> Page:
    end = now() + TIME_BUDGET
    top = top or queue_admin.newest(using) + 1
    bottom = max(after, queue_admin.oldest(using) - 1)
    rows: list[Row] = []
    while top - 1 > bottom and len(rows) <= PAGE:
        floor = max(bottom, top - 1 - WINDOW)
        rows += _find(using, criteria, floor, top)
        top = floor + 1
        if now() > end:
            break
    if len(rows) > PAGE or top - 1 <= bottom:
        return _page(rows)
    return Page(rows, top, complete=False)
