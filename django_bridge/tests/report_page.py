"""What the tests of the report pages share: an order book, and what they read of a page."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.html import strip_tags

from django_sespan.testing import Sale
from people import person

SUMMARY, LIST = "/account/reports/", "/account/reports/transactions/"
SUMMARY_CSV, LIST_CSV = "/account/reports/summary.csv", "/account/reports/transactions.csv"
JAKARTA = ZoneInfo("Asia/Jakarta")
NOVEMBER = {"first": "2026-11-01", "last": "2026-11-30"}
GROUPS = ["hour", "day", "week", "month", "tier", "customer"]


def reporter_of(client):
    """Log the report person in."""
    client.force_login(person("rani", "report"))
    return client


def at(day, hour=12, month=11):
    return datetime(2026, month, day, hour, tzinfo=JAKARTA)


def november_of(memory):
    """Three orders of November; one of October that November cancelled."""
    add = memory.transactions.add
    old = Sale("O-1", Decimal("50000.00"), at(30, month=10), cancelled_at=at(2))
    add(old)
    add(Sale("A-1", Decimal("150000.00"), at(1, 0), Decimal("30000.00"), "7", "siti", 1, "Big"))
    add(Sale("A-2", Decimal("80000.00"), at(3), None, "8", "budi", None))
    add(Sale("=A-3", Decimal("1200000.50"), at(30, 23), Decimal("100.25"), "7", "siti", 2, "Huge"))
    return memory.transactions


def table(page):
    """The cells of the rows of the page's table."""
    body = re.split(r"<tbody[^>]*>", page.text)[1].split("</tbody>")[0]
    return [
        [strip_tags(cell).strip() for cell in re.findall(r"(?s)<t[dh].*?</t[dh]>", row)]
        for row in body.split("<tr")[1:]
    ]


def reads(memory):
    return [call for call in memory.calls if call.method == "GET"]


def calls(memory, path="/v1/transactions"):
    return [call for call in reads(memory) if call.path == path]
