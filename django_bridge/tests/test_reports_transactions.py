"""The list of transactions and the page of one: filters, paging, proof."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from django_sespan.testing import Sale
from people import person
from report_page import LIST, NOVEMBER, at, calls, november_of, reporter_of, table

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
