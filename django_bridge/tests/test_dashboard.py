"""The dashboard: who sees it, what stands on it, and what it says when something is missing."""

from __future__ import annotations

import re

import pytest
from django.test import Client as Browser

from dashboard_page import URL, asked, data, rows
from django_sespan import errors
from people import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("figures")]

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


def test_nothing_yet(viewer, figures):
    figures.stats.orders_per_day = 0
    page = viewer.get(URL)
    assert page.status_code == 200
    assert "Nothing yet" in page.text
    assert "sespan-card" not in page.text
    assert "Mail queue" in page.text
    fresh = viewer.get(URL + "?format=json").json()
    assert (fresh["charts"], list(fresh["tables"])) == ({}, ["mail-queue"])


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


def test_without_uplot_the_tables_stand_in_its_place(viewer, monkeypatch):
    from django_sespan._internal import uplot

    monkeypatch.setattr(uplot, "FILES", {"script": "django_sespan/vendor/uplot/none"})
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
