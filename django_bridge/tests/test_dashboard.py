"""The dashboard: who sees it, what stands on it, and what it says when something is missing."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from django.test import Client as Browser

from django_sespan import errors
from people import person

pytestmark = pytest.mark.django_db

URL = "/account/dashboard/"
TABLES = [
    "api-hits",
    "api-hits-types",
    "codes",
    "codes-purposes",
    "mail",
    "mail-queue",
    "outcomes",
    "outcomes-types",
    "tiers",
    "transactions",
]
OWN = URL + "?first={}&last={}"


@pytest.fixture(autouse=True)
def figures(memory, signing_key, settings):
    """A shop with 120 orders a day."""
    settings.TIME_ZONE = "Asia/Jakarta"
    memory.stats.orders_per_day = 120
    return memory


@pytest.fixture
def viewer(client):
    client.force_login(person("dewi", "dashboard"))
    return client


def data(page):
    found = re.search(
        r'<script id="sespan-dashboard-data"[^>]*>(.*?)</script>', page.text, re.DOTALL
    )
    return json.loads(found[1])


def asked(figures):
    """What was asked of the service; the login of the test was reported, too."""
    return [call for call in figures.calls if call.path != "/v1/logins"]


def rows(answer):
    text = answer.content.decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


@pytest.mark.parametrize(
    ("roles", "status"),
    [(["dashboard"], 200), (["admin"], 200), (["report"], 403), ([], 403)],
)
@pytest.mark.parametrize("query", ["", "?format=json", "?table=tiers"])
def test_the_dashboard_is_for_its_role(client, figures, roles, status, query):
    client.force_login(person("ani", *roles))
    answer = client.get(URL + query)
    assert answer.status_code == status
    assert bool(asked(figures)) == (status == 200)
    if status == 403:
        assert "Ask an admin" in answer.text


def test_whoever_is_not_logged_in_comes_back_after_it(client, figures):
    answer = client.get(URL + "?range=30d")
    assert answer["Location"] == "/login/?next=/account/dashboard/%3Frange%3D30d"
    assert asked(figures) == []


def test_it_asks_as_the_person_and_keeps_the_token(viewer, figures):
    page = viewer.get(URL)
    paths = {call.path for call in asked(figures)}
    names = ("api-hits", "otp", "outcomes", "transactions", "mail")
    assert paths == {f"/v1/stats/{name}" for name in names}
    for call in asked(figures):
        assert call.bearer.count(".") == 2
        assert call.bearer not in page.text
    assert "no-store" in page["Cache-Control"]


def test_figures_charts_and_tables(viewer):
    page = viewer.get(URL + "?range=7d")
    assert page.status_code == 200
    assert page.text.count('class="sespan-card"') == 8
    drawn = data(page)
    assert len(drawn["names"]) == 7
    assert set(drawn["charts"]) == {
        "api-hits",
        "outcomes",
        "codes-growth",
        "codes",
        "transactions",
        "discounts",
        "mail",
        "mail-retries",
    }
    hits = drawn["charts"]["api-hits"]["series"]
    total = sum(sum(series["values"]) for series in hits)
    assert f'data-sespan-part="figure">{total:,}<' in page.text
    grown = drawn["charts"]["codes-growth"]["series"][0]["values"]
    assert grown == sorted(grown)
    for slug in TABLES:
        assert f'data-sespan-table="{slug}"' in page.text


def test_nothing_is_inline(viewer):
    text = viewer.get(URL).text
    scripts = re.findall(r"<script[^>]*>", text)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)
    assert not re.search(r"\s(style|on\w+)=|<style|javascript:", text)


@pytest.mark.parametrize("slug", TABLES)
def test_each_table_is_a_csv_too(viewer, slug):
    answer = viewer.get(f"{URL}?range=7d&table={slug}")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{slug}')
    header, *found = rows(answer)
    assert all(len(row) == len(header) for row in found)
    if slug == "transactions":
        assert header[:3] == ["day", "utc_offset", "draws"]
        assert len(found) == 7
        assert found[0][1] == "+0700"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", found[0][0])
        assert re.fullmatch(r"\d+\.\d\d", found[0][header.index("amount")])


def test_an_unknown_table_is_not_found(viewer):
    assert viewer.get(URL + "?table=passwords").status_code == 404


def test_a_spreadsheet_executes_no_name_of_a_tier(viewer, figures):
    answer = figures.stats.answer("transactions", {})
    answer["tiers"][0]["name"] = '=HYPERLINK("http://evil.test")'
    answer["tiers"][1]["name"] = "<script>alert(1)</script>"
    figures.stats.answers["transactions"] = answer
    assert rows(viewer.get(URL + "?table=tiers"))[1][0].startswith("'=HYPERLINK")
    assert "<script>alert" not in viewer.get(URL).text


def test_promised_and_observed(viewer, figures):
    answer = figures.stats.answer("transactions", {})
    rates = [("0.100000", "as promised"), ("0.010000", "more than promised")]
    rates.append(("0.900000", "less than promised"))
    for tier, (promised, _) in zip(answer["tiers"], rates, strict=False):
        tier["promised_rate"] = promised
    answer["tiers"][0] |= {
        "observed_rate": "0.100900",
        "interval": {"low": "0.080000", "high": "0.120000"},
    }
    figures.stats.answers["transactions"] = answer
    header, *found = rows(viewer.get(URL + "?table=tiers"))
    assert [row[-1] for row in found[:3]] == [words for _, words in rates]
    assert header[4:8] == ["promised_rate", "observed_rate", "interval_low", "interval_high"]


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


def test_nothing_yet(viewer, figures):
    figures.stats.orders_per_day = 0
    page = viewer.get(URL)
    assert page.status_code == 200
    assert "Nothing yet" in page.text
    assert "sespan-card" not in page.text
    assert "Mail queue" in page.text
    fresh = viewer.get(URL + "?format=json").json()
    assert (fresh["charts"], list(fresh["tables"])) == ({}, ["mail-queue"])


def test_nothing_in_this_period(viewer):
    page = viewer.get(OWN.format("2020-01-01", "2020-01-31"))
    assert "Nothing yet" not in page.text
    assert "API hits: none in this period." in page.text
    assert "unchanged" in page.text


def test_one_call_that_fails_leaves_the_others(viewer, figures, caplog):
    with figures.failing(errors.SespanUnavailable, on="outcomes"):
        page = viewer.get(URL)
        refreshed = viewer.get(URL + "?format=json").json()
        assert viewer.get(URL + "?table=outcomes").status_code == 503
    assert page.status_code == 200
    assert page.text.count("Sespan does not answer") == 2  # the panel's, and one for the script
    assert 'data-sespan-table="tiers"' in page.text
    assert 'data-sespan-table="outcomes"' not in page.text
    assert "No outcomes for the dashboard" in caplog.text
    assert refreshed["errors"]["outcomes"].startswith("Sespan does not answer")
    assert refreshed["errors"]["mail"] == ""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errors.SespanUnavailable, "does not answer"),
        (errors.SespanDisabled, "switched off"),
        (errors.SespanMisconfigured, "SESPAN_JWKS"),
        (errors.SespanInvalidResponse, "of one version"),
    ],
)
def test_the_service_is_away(viewer, figures, error, says):
    figures.fail(error, times=None, on="stats")
    page = viewer.get(URL)
    assert page.status_code == 503
    assert "The service is away" in page.text
    assert says in page.text
    assert "Mail queue" in page.text, "the database still says how the queue stands"
    assert viewer.get(URL + "?format=json").status_code == 503


def test_an_answer_that_makes_no_sense_is_one_missing_panel(viewer, figures):
    good = figures.stats.answer("mail", {})
    for broken in (
        {},
        {**good, "buckets": {}},
        {**good, "total": {**good["total"], "sent": "many"}},
        {**good, "total": {**good["total"], "sent": 10**30}},
        {**good, "from": "2026-01-01T00:00:00"},
        {**good, "to": "9999-99-99"},
        {**good, "time_zone": 7},
    ):
        figures.stats.answers["mail"] = broken
        page = viewer.get(URL)
        assert page.status_code == 200
        assert "of one version" in page.text
    figures.stats.answers["mail"] = {**good, "time_zone": "Mars/Olympus"}
    assert viewer.get(URL).status_code == 200


def test_a_refresh_has_the_texts_of_the_page(viewer):
    page, fresh = viewer.get(URL), viewer.get(URL, headers={"accept": "application/json"}).json()
    assert fresh["names"] == data(page)["names"]
    for card in fresh["cards"]:
        assert card["figure"] in page.text
    assert set(fresh["tables"]) == set(TABLES)
    assert fresh["tables"]["tiers"]["rows"][0][0] in page.text


def test_a_refresh_after_the_session_is_over_is_a_redirect():
    answer = Browser().get(URL + "?format=json")
    assert answer.status_code == 302


def test_long_tables_are_cut_and_the_csv_is_whole(viewer):
    page = viewer.get(URL + "?range=30d&step=hour")
    assert re.search(r"the CSV has 5\d\d more", page.text)
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


def test_without_uplot_the_tables_stand_in_its_place(viewer, monkeypatch):
    from django_sespan.views import dashboard

    monkeypatch.setattr(dashboard, "UPLOT", "django_sespan/vendor/uplot/none")
    page = viewer.get(URL)
    assert "make charts" in page.text
    assert "uplot" not in page.text
    assert page.text.count("<details open>") == 5


def test_a_queue_that_needs_somebody_is_said(viewer):
    from django_sespan.mail import queue_admin

    assert "No mail waits" in viewer.get(URL).text
    queue_admin.pause("default", "category:news", "adi")
    fresh = viewer.get(URL + "?format=json").json()
    assert fresh["tables"]["mail-queue"]["caption"] == "Sending is paused: category:news."
    assert fresh["queue_tone"] == "warn"


@pytest.mark.parametrize(
    ("states", "pauses", "stuck", "says", "tone"),
    [
        ({}, [], {}, "everything is sent", "good"),
        ({"queued": 2, "retry": 1200}, [], {}, "on their way: 1,202", "good"),
        ({"dead": 33}, [], {}, "waiting for a person: 33", "warn"),
        ({"queued": 2}, [], {"overdue": 2, "undecided": 1}, "need a look: 3", "bad"),
        (
            {"queued": 2},
            ["all", "domain:x.test"],
            {"parked": 2},
            "paused: all, domain:x.test",
            "warn",
        ),
    ],
)
def test_the_queue_in_a_sentence(viewer, monkeypatch, states, pauses, stuck, says, tone):
    from django_sespan.mail import queue_admin

    rows = [{"state": s, "mails": n, "oldest": None, "paused": 0} for s, n in states.items()]
    monkeypatch.setattr(queue_admin, "status", lambda using: rows)
    monkeypatch.setattr(queue_admin, "pauses", lambda using: [{"what": p} for p in pauses])
    monkeypatch.setattr(queue_admin, "stuck_kinds", lambda using: stuck)
    fresh = viewer.get(URL + "?format=json").json()
    assert says in fresh["tables"]["mail-queue"]["caption"]
    assert fresh["queue_tone"] == tone


def test_a_login_without_the_right_to_the_queue(viewer, monkeypatch, caplog):
    from django_sespan.mail import queue_admin

    def refused(using):
        raise queue_admin.RoleMissing("permission denied for function mail_status")

    monkeypatch.setattr(queue_admin, "status", refused)
    page = viewer.get(URL)
    assert page.status_code == 200
    assert "The queue cannot be read" in page.text
    assert "permission denied" in caplog.text
    assert viewer.get(URL + "?table=mail-queue").status_code == 503


def test_a_signing_key_that_is_gone_is_a_page_and_no_crash(viewer, settings, tmp_path):
    settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": str(tmp_path / "gone.pem")}
    assert viewer.get(URL).status_code == 503


def test_the_tests_of_a_site_need_no_signing_key(viewer, settings):
    settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": None}
    assert viewer.get(URL).status_code == 200


def test_no_comparison_with_a_period_before_counting_began(viewer, figures):
    figures.stats.days = 10
    cards = viewer.get(URL + "?format=json").json()["cards"]
    assert cards[0]["change"] == ""
    assert "since counting began" in cards[0]["before"]
    figures.stats.days = 3
    assert viewer.get(URL + "?format=json").json()["cards"][0]["change"] == "new"
