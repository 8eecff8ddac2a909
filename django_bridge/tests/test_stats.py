"""The calls of `/v1/stats`: what is asked, what comes back, and what is no answer."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx
import pytest

from django_sespan import errors
from django_sespan._internal.flows import dashboard
from django_sespan._internal.flows.dashboard import Question, gather
from django_sespan.client import get_client
from django_sespan.testing.stats import FakeStats

CALLS = {
    "stats_api_hits": "api-hits",
    "stats_codes": "otp",
    "stats_outcomes": "outcomes",
    "stats_transactions": "transactions",
    "stats_mail": "mail",
}
NOW = datetime(2026, 11, 30, 9, 7, tzinfo=UTC)
WEEK = Question(date(2026, 11, 23), date(2026, 11, 30), "day")


@pytest.fixture
def figures():
    return FakeStats(orders_per_day=200, now=NOW)


@pytest.fixture
def staff():
    return get_client().as_staff("the.staff.token")


@pytest.mark.parametrize("call", CALLS)
def test_each_call_asks_with_the_token(sespan, staff, figures, call):
    asked = []

    def answer(request, body):
        asked.append(request)
        found = figures.answer(CALLS[call], dict(request.url.params))
        sespan.fail = [httpx.Response(200, json=found)]

    sespan.on_call = answer
    since, until = date(2026, 11, 1), datetime(2026, 11, 8, 3, 15, tzinfo=UTC)
    found = getattr(staff, call)(since=since, until=until, step="week")
    (request,) = asked
    assert request.url.path == f"/v1/stats/{CALLS[call]}"
    wanted = {"from": "2026-11-01", "to": "2026-11-08T03:15:00+00:00", "step": "week"}
    assert dict(request.url.params) == wanted
    assert request.headers["Authorization"] == "Bearer the.staff.token"
    assert found.step == "week"
    assert found.until == until
    assert [bucket.at.tzinfo for bucket in found.buckets] == [UTC] * len(found.buckets)
    assert found.total != found.ever


def test_a_time_without_a_zone_is_the_caller_s_fault(staff):
    with pytest.raises(ValueError, match="time zone"):
        staff.stats_mail(since=datetime(2026, 11, 1))  # noqa: DTZ001


def test_money_and_rates_are_exact(sespan, staff, figures):
    answer = figures.answer("transactions", {"from": "2026-11-01"})
    answer["total"]["discount"] = "12345678901234567890.01"
    answer["tiers"][0]["promised_rate"] = "0.100000"
    sespan.fail = [httpx.Response(200, json=answer)]
    found = staff.stats_transactions()
    assert found.total.discount == Decimal("12345678901234567890.01")
    assert found.tiers[0].promised_rate == Decimal("0.1")
    assert found.tiers[-1].tier_id is None


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", None),
        ("from", 7),
        ("to", "2026-13-01T00:00:00Z"),
        ("to", "2026-12-01T00:00:00"),
        ("to", "9999-12-31T23:59:59Z"),
        ("step", ["day"]),
        ("time_zone", None),
        ("buckets", None),
        ("buckets", {}),
        ("buckets", [7]),
        ("buckets", [{}]),
        ("total", []),
        ("previous", {"calls": 1}),
        ("ever", "all"),
    ],
)
def test_what_is_no_answer(sespan, staff, figures, call, name, value):
    answer = figures.answer(CALLS[call], {}) | {name: value}
    sespan.fail = [httpx.Response(200, json=answer)]
    with pytest.raises(errors.SespanInvalidResponse, match=name):
        getattr(staff, call)()


@pytest.mark.parametrize("value", [None, True, 1.5, "7", 2**64, [], {}], ids=repr)
def test_what_is_no_count(sespan, staff, figures, value):
    answer = figures.answer("mail", {})
    answer["total"]["sent"] = value
    sespan.fail = [httpx.Response(200, json=answer)]
    with pytest.raises(errors.SespanInvalidResponse, match=r"total\.sent"):
        staff.stats_mail()


@pytest.mark.parametrize("value", [None, "", "much", "NaN", "Infinity", "1e999", "1e-999", 1.5])
def test_what_is_no_amount(sespan, staff, figures, value):
    answer = figures.answer("transactions", {})
    answer["total"]["amount"] = value
    sespan.fail = [httpx.Response(200, json=answer)]
    with pytest.raises(errors.SespanInvalidResponse, match=r"total\.amount"):
        staff.stats_transactions()


def test_a_retried_dead_mail_lowers_its_count(sespan, staff, figures):
    answer = figures.answer("mail", {})
    answer["buckets"][0]["dead"] = -1
    sespan.fail = [httpx.Response(200, json=answer)]
    assert staff.stats_mail().buckets[0].dead == -1


class Slow:
    """A client of whose calls one never ends."""

    def __init__(self, figures):
        self.figures, self.release = figures, threading.Event()

    def __getattr__(self, name):
        if name == "stats_mail":
            return lambda **asked: self.release.wait(30)
        return lambda **asked: (name, asked)


def test_a_call_that_never_ends_costs_the_time_limit_and_nothing_else(
    settings, monkeypatch, figures, caplog
):
    settings.SESPAN = {**settings.SESPAN, "TIMEOUT": 0.2}
    monkeypatch.setattr(dashboard, "GRACE", 0.0)
    slow = Slow(figures)
    try:
        answers = gather(slow, WEEK)
    finally:
        slow.release.set()
    assert isinstance(answers.pop("mail"), errors.SespanUnavailable)
    asked = {"since": WEEK.since, "until": WEEK.until, "step": "day"}
    assert answers == {name: (f"stats_{name}", asked) for name in answers}
    assert len(answers) == 4
    assert "No mail for the dashboard: no answer in time" in caplog.text


def test_the_calls_run_side_by_side():
    """Each waits until all five are there: one after the other they would never meet."""
    meeting = threading.Barrier(5)

    class Meeting:
        def __getattr__(self, name):
            return lambda **asked: meeting.wait(10)

    assert sorted(gather(Meeting(), WEEK).values()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", CALLS.values())
@pytest.mark.parametrize("step", ["hour", "day", "week", "month"])
def test_the_made_up_figures_agree_with_themselves(figures, name, step):
    """Whole buckets add up to the total; the same question has the same answer."""
    asked = {"from": "2026-10-01", "to": "2026-11-01", "step": step}
    if step == "week":
        asked |= {"from": "2026-10-05", "to": "2026-11-02"}
    answer = figures.answer(name, asked)
    assert answer == figures.answer(name, asked)
    for count, total in answer["total"].items():
        if count in {"capped", "wins"} or isinstance(total, str):
            continue  # in a short bucket a limit takes no more than there is
        if name == "outcomes":
            found = sum(t[count] for b in answer["buckets"] for t in b["by_type"].values())
        else:
            found = sum(bucket[count] for bucket in answer["buckets"])
        assert found == total, count


@pytest.mark.parametrize(
    "asked",
    [
        {"step": "minute"},
        {"from": "tomorrow"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "2020-01-01", "to": "2026-11-01", "step": "hour"},
    ],
)
def test_the_double_refuses_what_the_service_refuses(figures, asked):
    with pytest.raises(errors.SespanRefused):
        figures.answer("mail", asked)
