"""The page Keys: who sees which, what is made once and shown once, what errors say."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test import override_settings

from django_sespan import errors
from people import person

pytestmark = pytest.mark.django_db

KEYS = "/account/keys/"


@pytest.fixture(autouse=True)
def _site(signing_key):
    pass


@pytest.fixture
def rani(client, memory):
    """A report person, in `client`."""
    client.force_login(person("rani", "report"))
    return client


@pytest.fixture
def adi(memory):
    """An admin's browser."""
    browser = Browser()
    browser.force_login(person("adi", "admin"))
    return browser


def ticket(browser, url=KEYS):
    return re.search(r'name="once" value="([^"]+)"', browser.get(url).text)[1]


def make(browser, **fields):
    filled = {"name": "laptop", "days": "30", "once": ticket(browser), **fields}
    return browser.post(KEYS, filled)


def calls(memory):
    return [call for call in memory.calls if call.path.startswith("/v1/keys")]


def made(memory):
    return [call for call in calls(memory) if call.method == "POST"]


def whole(page):
    return re.search(r'value="(sk_[^"]+)"', page.text)[1]


def key_id(page):
    return whole(page).split("_")[1]


# Who


@pytest.mark.parametrize("rest", ["", "abc/rotate/", "abc/revoke/"])
def test_only_with_the_role(client, memory, rest):
    assert client.get(KEYS + rest).status_code == 302
    client.force_login(person("dewi", "dashboard"))
    for answer in (client.get(KEYS + rest), client.post(KEYS + rest)):
        assert answer.status_code == 403
        assert "role “report”" in answer.text
    assert calls(memory) == []


def test_a_report_person_sees_own_keys_alone_and_an_admin_all(rani, adi, memory):
    own = key_id(make(rani))
    make(adi, name="till", whose="machine", role="service", days="")
    page = rani.get(KEYS).text
    assert own in page
    assert "till" not in page
    assert 'name="role"' not in page
    page = adi.get(KEYS).text
    assert own in page
    assert "till" in page
    assert "rani" in page
    assert f"{own}/rotate/" not in page, "the new key is shown: only its owner rotates it"
    assert f"{own}/revoke/" in page
    assert all(call.bearer for call in calls(memory)), "as the person, never with the service key"


# Made once, shown once


def test_a_report_persons_key(rani, memory):
    answer = make(rani)
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    assert made(memory)[0].body == {
        "role": "report",
        "name": "laptop",
        "expires_in_days": 30,
        "own": True,
    }
    secret = whole(answer).split("_")[2]
    assert secret not in rani.get(KEYS).text
    assert secret not in str(dict(rani.session.items()))


def test_a_reload_makes_no_other_key(rani, memory):
    form = {"name": "laptop", "days": "30", "once": ticket(rani)}
    first, again = rani.post(KEYS, form), rani.post(KEYS, form)
    assert (first.status_code, again.status_code) == (201, 409)
    assert "sent before" in again.text
    assert whole(first) not in again.text
    assert len(made(memory)) == 1
    fresh = re.search(r'name="once" value="([^"]+)"', again.text)[1]
    assert rani.post(KEYS, {**form, "once": fresh}).status_code == 201


def test_two_at_once_make_one(rani, memory):
    """What the session of a request that began before does not know, the cache knows."""
    form = {"name": "laptop", "days": "30", "once": ticket(rani)}
    assert rani.post(KEYS, form).status_code == 201
    session = rani.session
    del session["sespan_once"]
    session.save()
    assert rani.post(KEYS, form).status_code == 409
    assert len(made(memory)) == 1


def test_another_server_with_a_cache_of_its_own(rani, memory):
    form = {"name": "laptop", "days": "30", "once": ticket(rani)}
    with override_settings(
        CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    ):
        assert [rani.post(KEYS, form).status_code for _ in range(2)] == [201, 409]


def test_a_form_of_somebody_else_or_of_yesterday(rani, adi, memory, monkeypatch):
    form = {"name": "laptop", "days": "30", "whose": "own", "role": "report"}
    answer = adi.post(KEYS, {**form, "once": ticket(rani)})
    assert answer.status_code == 409
    assert "open for too long" in answer.text
    old = ticket(rani)
    monkeypatch.setattr("django_sespan._internal.once.LIFE_SECONDS", -1)
    answer = rani.post(KEYS, {**form, "once": old})
    assert answer.status_code == 409
    assert 'value="laptop"' in answer.text, "what was typed stays"
    assert made(memory) == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "required"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"name": "a\u200bb"}, "can be seen"),
        ({"name": "x" * 101}, "at most 100"),
        ({"days": "91"}, "less than or equal to 90"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": ""}, "required"),
        ({"days": "soon"}, "whole number"),
    ],
)
def test_what_is_wrong_stands_at_its_field(rani, memory, fields, says):
    answer = make(rani, **fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert "aria-invalid" in answer.text
    assert made(memory) == []


def test_an_admins_keys(adi, memory):
    assert make(adi, whose="machine", role="admin", days="").status_code == 201
    assert made(memory)[-1].body == {"role": "admin", "name": "laptop", "own": False}
    answer = make(adi, whose="own", role="service")
    assert answer.status_code == 422
    assert "cannot be of the role service" in answer.text
    assert "need an end" in make(adi, whose="own", role="admin", days="").text
    assert make(adi, whose="own", role="admin").status_code == 201
    assert make(adi, whose="machine", role="root").status_code == 422


def test_a_report_person_cannot_ask_for_more(rani, memory):
    assert make(rani, whose="machine", role="admin").status_code == 201
    assert made(memory)[-1].body["role"] == "report"
    assert made(memory)[-1].body["own"] is True


# Rotate and revoke


def test_rotate_with_an_overlap(rani, memory):
    old = key_id(make(rani))
    url = f"{KEYS}{old}/rotate/"
    once = ticket(rani, url)
    answer = rani.post(url, {"once": once, "overlap": "3600"})
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    assert key_id(answer) != old
    assert made(memory)[-1].body == {"overlap_seconds": 3600}
    again = rani.post(url, {"once": once, "overlap": "3600"})
    assert again.status_code == 409
    assert "sent before" in again.text
    again = rani.post(url, {"once": ticket(rani, url), "overlap": "0"})
    assert again.status_code == 409
    assert "rotated before" in again.text
    assert rani.post(url, {"once": ticket(rani, url), "overlap": "-1"}).status_code == 422


def test_revoke_asks_first_and_twice_is_harmless(rani, memory):
    key = key_id(make(rani))
    url = f"{KEYS}{key}/revoke/"
    page = rani.get(url).text
    assert "cannot be undone" in page
    assert [call.method for call in memory.calls].count("DELETE") == 0
    for _ in range(2):
        assert rani.post(url)["Location"] == f"{KEYS}?revoked={key}"
    page = rani.get(f"{KEYS}?revoked={key}").text
    assert "is revoked." in page
    assert "1 key that is over" in page
    answer = rani.get(url)
    assert answer.status_code == 409
    assert "over already" in answer.text
    assert "is revoked." not in rani.get(f"{KEYS}?revoked=memory999999").text


@pytest.mark.parametrize("name", ["memory999999", "../x", "a-b", "tidak_ada"])
@pytest.mark.parametrize("what", ["rotate", "revoke"])
def test_a_key_that_is_none(rani, memory, name, what):
    url = f"{KEYS}{name}/{what}/"
    assert rani.get(url).status_code == 404
    assert rani.post(url, {"once": ticket(rani), "overlap": "0"}).status_code == 404


def test_somebody_elses_key_is_none(rani, adi, memory):
    key = key_id(make(adi, whose="own", role="report"))
    answer = rani.post(f"{KEYS}{key}/revoke/")
    assert answer.status_code == 404
    assert "somebody else" in answer.text


# What the service says


def test_too_many_keys(rani, memory):
    for _ in range(10):
        assert make(rani).status_code == 201
    answer = make(rani)
    assert answer.status_code == 409
    assert "10 live keys" in answer.text


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (errors.SespanUnavailable("down"), 503, "gave no answer"),
        (errors.SespanMisconfigured("who?", status=401), 503, "did not accept this login"),
        (errors.SespanMisconfigured("Your right is gone.", status=403), 403, "right is gone"),
        (errors.SespanRefused("No such name.", status=422), 422, "No such name."),
    ],
)
def test_errors_are_sentences(rani, memory, error, status, says):
    once = ticket(rani)
    memory.fail(error)
    answer = rani.post(KEYS, {"name": "laptop", "days": "30", "once": once})
    assert answer.status_code == status
    assert says in answer.text
    assert 'value="laptop"' in answer.text


def test_when_the_service_is_away(rani, memory):
    once = ticket(rani)
    with memory.failing(errors.SespanUnavailable):
        assert rani.get(KEYS).status_code == 503
        answer = rani.post(KEYS, {"name": "laptop", "days": "30", "once": once})
    assert answer.status_code == 503
    assert "list of keys cannot be shown" in answer.text


# Between the form and its sending


def test_a_role_lost_in_between(rani, memory):
    form = {"name": "laptop", "days": "30", "once": ticket(rani)}
    User.objects.get(username="rani").user_permissions.clear()
    assert rani.post(KEYS, form).status_code == 403
    assert made(memory) == []


def test_a_page_left_open_overnight(memory):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(person("rani", "report"))
    page = browser.get(KEYS).text
    form = {
        "name": "laptop",
        "days": "30",
        **dict(re.findall(r'name="(once|csrfmiddlewaretoken)" value="([^"]+)"', page)),
    }
    browser.logout()
    assert browser.post(KEYS, form)["Location"] == f"/login/?next={KEYS}"
    browser.force_login(User.objects.get(username="rani"))
    answer = browser.post(KEYS, form)
    assert answer.status_code == 403
    assert "open for too long" in answer.text
    assert made(memory) == []


def test_a_deactivated_person(rani, memory):
    form = {"name": "laptop", "days": "30", "once": ticket(rani)}
    User.objects.update(is_active=False)
    assert rani.post(KEYS, form).status_code == 302
    assert made(memory) == []


def test_the_index_of_the_admin_leads_here(client, memory):
    client.force_login(person("adi", "admin", is_staff=True))
    assert "/admin/sespan/apikey/" in client.get("/admin/").text
    assert client.get("/admin/sespan/apikey/")["Location"] == KEYS
    assert client.get("/admin/sespan/apikey/memory000000/change/")["Location"] == KEYS
