"""The dashboard's ranges: what is asked for, bad ones, time zones and languages."""

from __future__ import annotations

import re

import pytest

from dashboard_page import OWN, URL, asked, data, rows
from django_sespan import errors

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("figures")]


@pytest.mark.parametrize(
    ("query", "step", "count"),
    [
        ("", "day", 7),
        ("?range=24h", "hour", 24),
        ("?range=30d", "day", 30),
        ("?range=90d&step=week", "week", 13),
        ("?range=7d&step=week", "week", 1),
        ("?first=2026-11-01&last=2026-11-01", "hour", 24),
        ("?first=2026-01-01&last=2026-12-31", "week", 53),
        ("?first=2020-01-01&last=2026-12-31", "month", 84),
        ("?first=1970-01-02&last=2069-12-31", "month", 1200),
    ],
)
def test_ranges_and_steps(viewer, figures, query, step, count):
    page = viewer.get(URL + query)
    assert page.status_code == 200
    assert {call.params["step"] for call in asked(figures)} == {step}
    found = len(data(page)["names"])
    assert count <= found <= count + (step in {"week", "hour"})


def test_days_are_whole_and_inclusive(viewer, figures):
    viewer.get(OWN.format("2026-11-01", "2026-11-30"))
    assert asked(figures)[0].params["from"] == "2026-11-01"
    assert asked(figures)[0].params["to"] == "2026-12-01"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("first=2026-11-31&last=2026-12-01", "This is no day"),
        ("first=yesterday&last=2026-12-01", "This is no day"),
        ("first=2026-12-02&last=2026-12-01", "before the first day"),
        ("first=1975-01-01&last=2075-01-01", "a hundred years at most"),
        ("first=0001-01-01&last=2026-01-01", "from 1970 to 2998"),
        ("first=2026-01-01&last=9999-12-31", "from 1970 to 2998"),
        ("range=own&first=2026-01-01", "Please enter a day"),
        ("range=own", "Please enter a day"),
        ("range=century", "choose one of these"),
        ("range=7d&step=minute", "choose one of these"),
        ("first=2026-01-01&last=2026-12-31&step=hour", "Please choose Days"),
        ("range=7d%00&step=%F0%28", "choose one of these"),
    ],
)
def test_a_bad_range_is_said(viewer, figures, query, says):
    page = viewer.get(f"{URL}?{query}")
    assert page.status_code == 422
    assert says in page.text
    assert 'role="alert"' in page.text
    refused = viewer.get(f"{URL}?{query}&format=json")
    assert refused.status_code == 422
    assert says in refused.json()["detail"]
    assert viewer.get(f"{URL}?{query}&table=tiers").status_code == 422
    assert asked(figures) == []


def test_what_the_service_refuses_stands_at_the_range(viewer, figures):
    figures.fail(errors.SespanRefused("take a longer step", status=422), times=None, on="stats")
    page = viewer.get(URL)
    assert page.status_code == 422
    assert "take a longer step" in page.text
    assert viewer.get(URL + "?table=tiers").status_code == 422


def test_long_tables_are_cut_and_the_csv_is_whole(viewer):
    page = viewer.get(URL + "?range=30d&step=hour")
    assert re.search(r"the CSV has [45]\d\d more", page.text)
    assert len(rows(viewer.get(URL + "?range=30d&step=hour&table=mail"))) > 29 * 24


def test_indonesian(viewer, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    page = viewer.get(URL + "?range=30d", headers={"accept-language": "id"})
    assert '<html lang="id"' in page.text
    for words in ("Dasbor", "Panggilan API per hari", "sejak penghitungan dimulai", "Cetak"):
        assert words in page.text
    assert re.search(r'data-sespan-part="figure">\d{2}\.\d{3}<', page.text)
    assert "tingkat" in page.text.lower()
    drawn = data(page)
    assert all(isinstance(v, int) for v in drawn["charts"]["mail"]["series"][0]["values"])


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "UTC"])
def test_other_zones(viewer, settings, zone, use_tz):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    page = viewer.get(URL + "?range=24h")
    assert page.status_code == 200
    assert f"times in {zone}" in page.text
    assert "00:00" in str(data(page)["names"])


def test_the_day_of_a_changed_clock_has_its_hours(viewer, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    autumn = rows(viewer.get(OWN.format("2026-10-25", "2026-10-25") + "&step=hour&table=mail"))
    assert len(autumn) == 1 + 25
    assert {row[1] for row in autumn[1:]} == {"+0200", "+0100"}
    spring = rows(viewer.get(OWN.format("2026-03-29", "2026-03-29") + "&step=hour&table=mail"))
    assert len(spring) == 1 + 23


def test_no_comparison_with_a_period_before_counting_began(viewer, figures):
    figures.stats.days = 10
    cards = viewer.get(URL + "?format=json").json()["cards"]
    assert cards[0]["change"] == ""
    assert "since counting began" in cards[0]["before"]
    figures.stats.days = 3
    assert viewer.get(URL + "?format=json").json()["cards"][0]["change"] == "new"


def test_nothing_in_this_period(viewer):
    page = viewer.get(OWN.format("2020-01-01", "2020-01-31"))
    assert "Nothing yet" not in page.text
    assert "API hits: none in this period." in page.text
    assert "unchanged" in page.text
