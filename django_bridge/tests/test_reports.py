"""The report pages: who sees them, what they ask, what they show and what a CSV is."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal

import pytest

from django_sespan import errors
from people import person
from report_page import (
    GROUPS,
    JAKARTA,
    LIST,
    LIST_CSV,
    NOVEMBER,
    SUMMARY,
    SUMMARY_CSV,
    calls,
    november_of,
    reads,
    reporter_of,
    table,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(settings, signing_key):
    settings.TIME_ZONE = "Asia/Jakarta"


@pytest.fixture
def reporter(client, memory):
    return reporter_of(client)


@pytest.fixture
def november(memory):
    return november_of(memory)


# Who


@pytest.mark.parametrize("url", [SUMMARY, LIST, f"{LIST}1/", SUMMARY_CSV, LIST_CSV])
def test_only_for_the_report_role(client, memory, november, url):
    assert client.get(url, NOVEMBER).status_code == 302
    client.force_login(person("dewi", "dashboard"))
    assert client.get(url, NOVEMBER).status_code == 403
    assert reads(memory) == []
    for role in ("report", "admin"):
        client.force_login(person(f"of-{role}", role))
        assert client.get(url, NOVEMBER).status_code == 200
    assert all(call.bearer for call in reads(memory)), "a person's token, never the service key"
    assert not any(
        "Bearer" in str(call.params) or call.bearer in call.path for call in reads(memory)
    )


# Summary


def test_the_month_until_today_without_any_filter(reporter, memory):
    reporter.get(SUMMARY)
    params = calls(memory, "/v1/transactions/summary")[0].params
    today = datetime.now(JAKARTA).date()
    assert params["from"] == today.replace(day=1).isoformat()
    assert params["to"] == date.fromordinal(today.toordinal() + 1).isoformat()
    assert params["group_by"] == "day"


def test_both_days_are_inclusive(reporter, memory, november):
    page = reporter.get(SUMMARY, {**NOVEMBER, "group_by": "month"})
    params = calls(memory, "/v1/transactions/summary")[0].params
    assert (params["from"], params["to"]) == ("2026-11-01", "2026-12-01")
    assert "1,430,000.50" in page.text  # gross, the orders of 1 November 0:00 and 30 November 23:00
    assert "1,380,000.50" in page.text  # net: without the order of October
    assert "1,349,900.25" in page.text  # to pay: net without its discounts


@pytest.mark.parametrize("group_by", GROUPS)
def test_each_grouping_sums_to_the_same(reporter, november, group_by):
    page = reporter.get(SUMMARY, {**NOVEMBER, "group_by": group_by})
    assert page.status_code == 200
    rows = table(page)
    gross = sum(Decimal(row[3].replace(",", "")) for row in rows)
    assert gross == Decimal("1430000.50")
    content = (
        reporter.get(SUMMARY_CSV, {**NOVEMBER, "group_by": group_by}).getvalue().decode("utf-8-sig")
    )
    assert sum(Decimal(row["amount"]) for row in csv.DictReader(io.StringIO(content))) == gross


def test_names_in_place_of_numbers(reporter, november):
    by_tier = [row[0] for row in table(reporter.get(SUMMARY, {**NOVEMBER, "group_by": "tier"}))]
    assert sorted(by_tier) == ["Big", "Huge", "Standard", "no tier applied"]
    by_customer = [
        row[0] for row in table(reporter.get(SUMMARY, {**NOVEMBER, "group_by": "customer"}))
    ]
    assert sorted(by_customer) == ["budi", "customer 1", "siti"]
    days = [row[0] for row in table(reporter.get(SUMMARY, NOVEMBER))]
    assert (len(days), days[0]) == (30, "Sun, Nov. 1, 2026")
    weeks = [row[0] for row in table(reporter.get(SUMMARY, {**NOVEMBER, "group_by": "week"}))]
    assert weeks[0] == "week 44, from Oct. 26, 2026"


def test_a_row_leads_to_its_transactions(reporter, november):
    page = reporter.get(SUMMARY, {**NOVEMBER, "group_by": "week"})
    assert "first=2026-11-01&amp;last=2026-11-01&amp;" in page.text  # the week's days in the range
    page = reporter.get(SUMMARY, {**NOVEMBER, "group_by": "tier"})
    assert "first=2026-11-01&amp;last=2026-11-30&amp;tier=2&amp;" in page.text


def test_nothing_yet(reporter):
    assert "No order was drawn or cancelled in these days." in reporter.get(SUMMARY).text
    assert "No order was drawn in these days yet." in reporter.get(LIST).text
    assert "No transaction is like this." in reporter.get(LIST, {"tier": "9"}).text


def test_indonesian_formats_and_words(reporter, november):
    page = reporter.get(SUMMARY, NOVEMBER, headers={"Accept-Language": "id"})
    assert "1.430.000,50" in page.text
    assert "Ringkasan" in page.text


def test_another_time_zone_of_the_service_is_said(reporter, november, memory, monkeypatch):
    assert "SESPAN_TIME_ZONE" not in reporter.get(SUMMARY, NOVEMBER).text
    original = memory.transactions.answer

    def utc(rest, params):
        return {**original(rest, params), "time_zone": "UTC"}

    monkeypatch.setattr(memory.transactions, "answer", utc)
    assert "SESPAN_TIME_ZONE" in reporter.get(SUMMARY, NOVEMBER).text


# Wrong input: the field says it, the input stays, and the service is not asked


@pytest.mark.parametrize(
    ("url", "query", "field", "sentence"),
    [
        (SUMMARY, {"first": "yesterday"}, "first", "This is no day"),
        (SUMMARY, {"first": "2026-02-30"}, "first", "This is no day"),
        (SUMMARY, {"first": "2026-11-05", "last": "2026-11-04"}, "last", "before the first day"),
        (SUMMARY, {"last": "", "first": "2026-11-05"}, "last", "Please enter a day"),
        (SUMMARY, {"first": "1026-11-05"}, "first", "from 2001 on"),
        (SUMMARY, {"last": "9999-12-31"}, "last", "from 2001 on"),
        (SUMMARY, {"group_by": "fortnight"}, "group_by", "choose one of these"),
        (SUMMARY, {"group_by": "customer", "first": "2026-08-01"}, "last", "at most 92 days"),
        (SUMMARY, {"customer": "7"}, "customer", "one row for each customer"),
        (SUMMARY, {"customer": "nobody"}, "customer", "no customer with this name"),
        (SUMMARY, {"tier": "x"}, "tier", "one of these tiers"),
        (SUMMARY, {"tier": "9" * 19}, "tier", "one of these tiers"),
        (LIST, {"customer": "9" * 30}, "customer", "no customer with this name"),
        (LIST, {"customer": "a\0b"}, "customer", "Null characters"),
        (LIST, {"outcome": "lucky"}, "outcome", "choose one of these"),
        (LIST, {"order": "a b"}, "order", "letters, digits"),
        (LIST, {"order": "x" * 65}, "order", "at most 64"),
        (LIST, {"first": "2026-11-05", "last": "2026-11-04"}, "last", "before the first day"),
    ],
)
def test_a_wrong_filter(reporter, memory, url, query, field, sentence):
    query = {**NOVEMBER, **query}
    answer = reporter.get(url, query)
    assert answer.status_code == 200
    block = answer.text.split(f'id="id_{field}_error"')[1].split("</div>")[0]
    assert sentence in block
    assert "please mend" in answer.text
    assert answer.context["form"].data[field] == query[field], "the input stays"
    asked = [call.params.get("group_by") for call in reads(memory)]
    assert asked == ["tier"], "only for the choice of tiers"
    download = reporter.get(LIST_CSV if url == LIST else SUMMARY_CSV, query)
    assert download.status_code == 422


@pytest.mark.parametrize(
    ("location", "field"),
    [("query.from", "first"), ("query.to", "last"), ("query.tier_id", "tier")],
)
def test_what_the_service_refuses_stands_at_the_field(reporter, memory, location, field):
    members = {"errors": [{"location": location, "message": "no"}]}
    refused = errors.SespanRefused("not this", status=422, members=members)
    memory.fail(refused)
    page = reporter.get(SUMMARY, NOVEMBER)
    block = page.text.split(f'id="id_{field}_error"')[1].split("</div>")[0]
    assert "did not accept this: not this" in block


def test_too_many_rows(reporter, memory):
    memory.fail(errors.TooManyBuckets("step=day fits", status=422))
    page = reporter.get(SUMMARY, {**NOVEMBER, "group_by": "hour"})
    assert "more than 2,400 rows" in page.text


def test_a_report_that_takes_too_long(reporter, memory):
    memory.fail(errors.ReportTooLarge("20 s are over", status=503))
    page = reporter.get(SUMMARY, {**NOVEMBER, "group_by": "customer"})
    assert page.status_code == 503
    assert "choose fewer days" in page.text
    assert 'value="2026-11-01"' in page.text


@pytest.mark.parametrize("url", [SUMMARY, LIST, f"{LIST}1/", SUMMARY_CSV, LIST_CSV])
def test_the_service_is_away(reporter, memory, url):
    with memory.failing(errors.SespanUnavailable):
        page = reporter.get(url, NOVEMBER)
    assert page.status_code == 503
    assert "The service is away" in page.text
    assert "text/html" in page["Content-Type"]


# Downloads


def test_the_ledger(reporter, november):
    answer = reporter.get(LIST_CSV, NOVEMBER)
    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Cache-Control"].startswith("max-age=0")
    raw = answer.getvalue()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row["entry"] for row in rows] == ["draw", "cancellation", "draw", "draw"]
    total = sum(Decimal(row["net_amount"]) for row in rows)
    assert total == Decimal("1380000.50")


def test_the_name_tells_the_range_and_where_it_ends(reporter, november):
    answer = reporter.get(LIST_CSV, {"first": "2026-11-01", "last": "2998-01-01"})
    name = answer["Content-Disposition"]
    assert name.startswith('attachment; filename="transactions_2026-11-01_2998-01-01_until-')
    until = datetime.fromisoformat(answer["Sespan-Export-Until"])
    assert f"until-{until.astimezone(JAKARTA):%Y-%m-%dT%H%M%S}.csv" in name
    over = reporter.get(LIST_CSV, {"first": "2020-11-01", "last": "2020-11-30"})
    assert (
        over["Content-Disposition"]
        == 'attachment; filename="transactions_2020-11-01_2020-11-30.csv"'
    )


def test_a_download_without_days_has_all_of_them(reporter, memory):
    reporter.get(LIST_CSV, {"order": "A-1"}).getvalue()
    params = calls(memory)[0].params
    today = datetime.now(JAKARTA).date()
    assert params["from"] == "2001-01-01"
    assert params["to"] == date.fromordinal(today.toordinal() + 1).isoformat()


def test_too_many_downloads(reporter, memory):
    memory.fail(errors.TooManyExports("two are under way", status=429, retry_after=30))
    page = reporter.get(LIST_CSV, NOVEMBER)
    assert page.status_code == 429
    assert "wait 30 seconds" in page.text
    assert f"{LIST}?first=2026-11-01&amp;last=2026-11-30" in page.text
