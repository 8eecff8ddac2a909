"""What a report page shows of the service's answers: names in place of numbers, site's formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext

from django_sespan._internal.periods import periods
from django_sespan._internal.report_responses import Counts, Summary, SummaryRow
from django_sespan._internal.uplot import uplot
from django_sespan.forms.reports import GROUPS, TITLES, SummaryForm, tier_label, today

NO_TIER = 0
MOST_CUSTOMERS = 1000
FEWEST_BARS = 2
TICKS = {"hour": "H:i", "day": "j M", "week": "j M", "month": "M Y"}
DAYS_OF = {"day": timedelta(days=1), "week": timedelta(days=7)}


@dataclass(frozen=True)
class Row:
    """A line of the summary's table; `url` shows the transactions behind it."""

    label: str
    tick: str
    """The same, short."""
    counts: Counts
    url: str


def zone_of(name: str) -> tzinfo:
    """Return the time zone of an answer, the site's where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return timezone.get_default_timezone()


def summary_context(form: SummaryForm, summary: Summary) -> dict[str, Any]:
    """Return what the page of a summary shows beside the form."""
    first, last = (form.cleaned_data[name] for name in ("first", "last"))
    table = rows(form, summary)
    return {
        "rows": table,
        "chart": chart(summary, table),
        "charts": uplot(),
        "chart_sentence": chart_sentence(table) if table else "",
        "group_label": dict(GROUPS)[summary.group_by],
        "table_title": TITLES[summary.group_by],
        "sentence": gettext("From %(first)s to %(last)s, in the time zone %(zone)s.")
        % {
            "first": formats.date_format(first, "DATE_FORMAT"),
            "last": formats.date_format(last, "DATE_FORMAT"),
            "zone": summary.time_zone,
        },
        "other_zone": summary.time_zone != timezone.get_default_timezone_name(),
        "largest": summary.group_by == "customer" and len(summary.rows) == MOST_CUSTOMERS,
        "csv_url": f"{reverse('django_sespan:reports-csv')}?{form.query()}",
    }


def period_links(form: SummaryForm) -> list[dict[str, Any]]:
    """Return the periods that one click chooses, with the filters of the form."""
    links = []
    for period in periods(today()):
        days = {"first": period.first.isoformat(), "last": period.last.isoformat()}
        query = form.query(**days, group_by=period.group_by)
        current = all(form.data[name] == value for name, value in days.items())
        links.append({"label": period.label, "query": query, "current": current})
    return links


def rows(form: SummaryForm, summary: Summary) -> list[Row]:
    """Return the table."""
    zone = zone_of(summary.time_zone)
    return [_row(form, summary, row, zone) for row in summary.rows]


def chart(summary: Summary, table: list[Row]) -> dict[str, Any]:
    """Return the bars over time: gross, and before it what customers pay; none for one row."""
    if summary.group_by in {"tier", "customer"} or len(table) < FEWEST_BARS:
        return {}
    gross, paid = (
        [float(row.counts.amount) for row in table],
        [float(row.counts.paid) for row in table],
    )
    return {
        "names": [row.label for row in table],
        "ticks": [row.tick for row in table],
        "series": [
            {"label": gettext("Gross"), "tone": "grey", "values": gross},
            {"label": gettext("To pay"), "tone": "blue", "values": paid},
        ],
    }


def chart_sentence(table: list[Row]) -> str:
    """Say what the chart shows above all."""
    most = max(table, key=lambda row: row.counts.amount)
    return gettext("Most was ordered here: %(label)s, %(amount)s.") % {
        "label": most.label,
        "amount": money(most.counts.amount),
    }


def tier_choices(summary: Summary) -> Iterable[tuple[int, str]]:
    """Return number and name of the tiers of a summary by tier."""
    for row in summary.rows:
        if row.tier_id:
            yield row.tier_id, tier_label(row.tier_id, row.tier_name)


def _row(form: SummaryForm, summary: Summary, row: SummaryRow, zone: tzinfo) -> Row:
    narrower: dict[str, str]
    tick = ""
    if row.at is not None:
        local = row.at.astimezone(zone)
        label, narrower = _moment(summary.group_by, local), _days(summary, local, zone)
        tick = formats.date_format(local, TICKS[summary.group_by])
    elif summary.group_by == "tier":
        name = tier_label(row.tier_id, row.tier_name)
        label = name if row.tier_id else gettext("no tier applied")
        narrower = {"tier": str(row.tier_id or NO_TIER)}
    else:
        label = row.username or gettext("customer %(number)s") % {"number": row.customer_id}
        narrower = {"customer": row.customer_id}
    query = form.query(**narrower, group_by=None)
    return Row(label, tick, row.counts, f"{reverse('django_sespan:reports-transactions')}?{query}")


def money(value: Decimal) -> str:
    """Write an amount with the places that the service gave it, in groups of the language."""
    exponent = value.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return formats.number_format(value, places, force_grouping=True)


def _moment(group_by: str, local: datetime) -> str:
    if group_by == "month":
        return formats.date_format(local, "YEAR_MONTH_FORMAT")
    day = formats.date_format(local, "DATE_FORMAT")
    if group_by == "week":
        return gettext("week %(number)d, from %(day)s") % {
            "number": local.isocalendar().week,
            "day": day,
        }
    if group_by == "hour":
        return f"{day} {formats.date_format(local, 'H:i')}"
    return f"{formats.date_format(local, 'D')}, {day}"


def _days(summary: Summary, local: datetime, zone: tzinfo) -> dict[str, str]:
    """Return the days of a bucket that are in the summary, inclusive."""
    first = local.date()
    if summary.group_by == "month":
        after = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        after = first + DAYS_OF.get(summary.group_by, timedelta(days=1))
    begin = summary.since.astimezone(zone).date()
    end = (summary.until - timedelta(microseconds=1)).astimezone(zone).date()
    last = min(after - timedelta(days=1), end)
    return {"first": max(first, begin).isoformat(), "last": last.isoformat()}
