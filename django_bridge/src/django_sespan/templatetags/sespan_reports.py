"""`{% load sespan_reports %}`: amounts, shares and times as the site writes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils import formats, timezone

from django_sespan._internal.report_responses import DrawProof
from django_sespan._internal.report_rows import money

register = template.Library()
register.filter(money)

SHARE_PLACES = 1
DRAW_PLACES = 6
RANGE = 2**64
"""A draw is a number of 64 bits; docs/draw.md."""


@register.filter
def whole(value: int) -> str:
    """Write a count in groups."""
    return formats.number_format(value, 0, force_grouping=True)


@register.filter
def share_of(part: int | Decimal, of: int | Decimal) -> str:
    """Write how many percent of `of` this is; a dash where there is nothing to compare."""
    if not of:
        return "–"
    percent = Decimal(part) * 100 / Decimal(of)
    return f"{formats.number_format(percent, SHARE_PLACES)}\N{NO-BREAK SPACE}%"


@register.filter
def site_time(moment: datetime) -> str:
    """Write a time in the site's time zone, whatever zone this request is in."""
    local = moment.astimezone(timezone.get_default_timezone())
    day = formats.date_format(local, "SHORT_DATE_FORMAT")
    return f"{day} {formats.date_format(local, 'H:i:s')}"


@register.filter
def of_draws(number: int) -> str:
    """Write a number of a draw as its share of all 2^64, in percent."""
    percent = Decimal(number) * 100 / RANGE
    return f"{formats.number_format(percent, DRAW_PLACES)}\N{NO-BREAK SPACE}%"


@register.filter
def won_by_number(proof: DrawProof) -> bool:
    """Whether the number lies below the threshold, before any limit is asked."""
    return proof.draw_threshold is not None and proof.draw_number < proof.draw_threshold
