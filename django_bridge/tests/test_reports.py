"""The report pages: who sees them, what they ask, what they show and what a CSV is."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.utils.html import strip_tags

from django_sespan import errors
from django_sespan.testing import Sale
from people import person

pytestmark = pytest.mark.django_db

SUMMARY, LIST = "/account/reports/", "/account/reports/transactions/"
SUMMARY_CSV, LIST_CSV = "/account/reports/summary.csv", "/account/reports/transactions.csv"
JAKARTA = ZoneInfo("Asia/Jakarta")
NOVEMBER = {"first": "2026-11-01", "last": "2026-11-30"}
GROUPS = ["hour", "day", "week", "month", "tier", "customer"]


@pytest.fixture(autouse=True)
def _site(settings, signing_key):
    settings.TIME_ZONE = "Asia/Jakarta"


@pytest.fixture
def reporter(client, memory):
    """A browser in which the report person is logged in."""
    client.force_login(person("rani", "report"))
    return client


def at(day, hour=12, month=11):
    return datetime(2026, month, day, hour, tzinfo=JAKARTA)


@pytest.fixture
def november(memory):
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


# The list


def test_the_list_newest_first(reporter, november):
    page = reporter.get(LIST, NOVEMBER)
    rows = table(page)
    assert [row[1] for row in rows] == ["=A-3", "A-2", "A-1"]
    assert rows[0][0] == "11/30/2026 23:00:00"
    assert rows[2][2:4] == ["siti", "Big"]
    assert rows[2][5:] == ["150,000.00", "30,000.00", "120,000.00"]
    assert rows[1][3] == "no tier applied"


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ({"outcome": "discounted"}, {"discounted": "true"}),
        ({"outcome": "full-price"}, {"discounted": "false"}),
        ({"outcome": "cancelled"}, {"cancelled": "true"}),
        ({"outcome": "valid"}, {"cancelled": "false"}),
        ({"tier": "0"}, {"tier_id": "0"}),
        ({"customer": "12"}, {"customer_id": "12"}),
        ({"order": "A-1.b_2:c"}, {"order_ref": "A-1.b_2:c"}),
        ({"first": "2026-11-02"}, {"from": "2026-11-02"}),
        ({"last": "2026-12-31"}, {"to": "2027-01-01"}),
    ],
)
def test_each_filter_reaches_the_service(reporter, memory, query, params):
    assert reporter.get(LIST, query).status_code == 200
    assert calls(memory)[0].params == {**params, "limit": 50}


def test_a_customer_by_login_name(reporter, memory):
    siti = person("siti")
    reporter.get(LIST, {"customer": "siti"})
    assert calls(memory)[0].params["customer_id"] == str(siti.pk)


def test_an_order_is_searched_at_any_time(reporter, november):
    for days in ({}, NOVEMBER):
        page = reporter.get(LIST, {"order": "O-1", **days})
        assert [row[1] for row in table(page)] == ["O-1"], "the days of the form do not matter"
    assert "cancelled" in page.text


def test_paging_by_cursor(reporter, memory):
    for n in range(120):
        memory.transactions.add(Sale(f"P-{n}", Decimal("1.00"), at(1 + n // 10)))
    seen, query = [], {**NOVEMBER, "outcome": "valid"}
    page = reporter.get(LIST, query)
    while True:
        seen += [row[1] for row in table(page)]
        if 'rel="next"' not in page.text:
            break
        url = page.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        page = reporter.get(LIST + url)
        assert "Newest" in page.text
    assert seen == [f"P-{n}" for n in reversed(range(120))]
    assert all(call.params["cancelled"] == "false" for call in calls(memory))
    assert "There are no older ones." in page.text


def test_a_cursor_of_another_query_shows_the_first_page(reporter, november):
    page = reporter.get(LIST, {**NOVEMBER, "cursor": "forged"})
    assert page.status_code == 200
    assert "of another search, or is too old" in page.text
    assert len(table(page)) == 3


def test_a_page_on_which_nothing_was_found_so_far(reporter, memory, monkeypatch):
    """The service looks at a bounded number of rows for a page."""
    empty = {"transactions": [], "next_cursor": "120"}
    original = memory.transactions.answer
    monkeypatch.setattr(
        memory.transactions,
        "answer",
        lambda rest, params: original(rest, params) if rest else empty,
    )
    page = reporter.get(LIST, {**NOVEMBER, "outcome": "cancelled"})
    assert "Nothing was found so far" in page.text
    assert "cursor=120" in page.text


# One transaction


def test_one_transaction(reporter, november, memory):
    page = reporter.get(f"{LIST}2/")
    for text in (
        "Order A-1",
        "150,000.00",
        "120,000.00",
        "20.0\xa0%",
        "siti",
        "Big",
        "Asia/Jakarta",
    ):
        assert text in page.text
    for text in (str(2**62), str(2**63), "ab" * 32, "2026-10-31", "is published ten minutes after"):
        assert text in page.text
    assert "The number 25.000000\xa0% lies below the threshold 50.000000\xa0%: won." in page.text


def test_a_cancelled_one_that_was_inherited_with_its_seed(reporter, memory):
    proof = {"seed": "cd" * 32, "inherited_from": 1, "client_nonce": "<b>"}
    add = memory.transactions.add
    add(Sale("I-1", Decimal(10), at(1), cancelled_at=at(2), capped_by="budget_uses"))
    add(Sale("I-2", Decimal(10), at(1), proof=proof))
    page = reporter.get(f"{LIST}1/").text
    assert "Cancelled at 11/02/2026 12:00:00" in page
    assert "number of discounts was used up" in page
    page = reporter.get(f"{LIST}2/").text
    assert "cd" * 32 in page
    assert f'href="{LIST}1/">transaction 1' in page
    assert "&lt;b&gt;" in page


def test_an_unknown_transaction(reporter):
    page = reporter.get(f"{LIST}99/")
    assert page.status_code == 404
    assert "no transaction with the number 99" in page.text


def test_the_link_to_the_customer(reporter, client, memory):
    siti = person("siti")
    memory.transactions.add(Sale("A-1", Decimal(10), at(1), None, str(siti.pk), "siti"))
    memory.transactions.add(Sale("A-2", Decimal(10), at(1), None, "999999", "gone"))
    url = f"/admin/auth/user/{siti.pk}/change/"
    assert url not in reporter.get(f"{LIST}1/").text
    viewer = person("rina", "report", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_user"))
    client.force_login(viewer)
    assert url in client.get(f"{LIST}1/").text
    assert "/admin/auth/user/" not in client.get(f"{LIST}2/").text


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
