"""“Wrong address? Start again”: what a registration leaves behind, and what a stranger learns."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_sespan._internal.flows import restart
from django_sespan._internal.flows.pending_code import SESSION_KEY
from registrants import CODE_URL, EMAIL, LOGIN_URL, OTHER, PASSWORD, REGISTER_URL, form
from test_enumeration import in_every_state

pytestmark = pytest.mark.django_db(transaction=True)

RESTART_URL = "/account/code/restart/"
RIGHT = "budi.right@example.com"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(restart, "FLOOR", 0)


def test_the_name_is_free_again_and_the_right_address_gets_the_code(memory):
    browser = Client()
    browser.post(f"{REGISTER_URL}?next=/home/", form("fresh", email="budi@exmaple.com"))
    first = User.objects.get()
    page = browser.get(CODE_URL)
    assert RESTART_URL in page.text
    answer = browser.post(RESTART_URL)
    assert (answer.status_code, answer["Location"]) == (302, f"{REGISTER_URL}?next=%2Fhome%2F")
    assert SESSION_KEY not in browser.session
    assert not User.objects.filter(pk=first.pk).exists()
    answer = browser.post(REGISTER_URL, form("fresh", email=RIGHT))
    assert answer["Location"] == CODE_URL
    assert User.objects.get().email == RIGHT


def test_nobody_learns_who_is_known(memory):
    """The name is free for the same visitor again, whether something had been made or not."""
    seen = in_every_state(
        memory,
        [
            lambda b: b.post(REGISTER_URL, form("fresh")),
            lambda b: b.get(CODE_URL),
            lambda b: b.post(RESTART_URL),
            lambda b: b.get(CODE_URL),
            lambda b: b.post(LOGIN_URL, {"username": EMAIL, "password": PASSWORD}),
            lambda b: b.post(REGISTER_URL, form("fresh", email=RIGHT)),
            lambda b: b.get(CODE_URL),
        ],
    )
    assert seen[2][:2] == (302, REGISTER_URL)
    assert seen[5][:2] == (302, CODE_URL)


@pytest.mark.parametrize("state", ["unknown", "verified"])
def test_a_newer_registration_of_the_address_stays(memory, state):
    """An older session ends its own registration alone."""
    if state == "verified":
        User.objects.create_user("old", EMAIL, "x")
    older, newer = Client(), Client()
    older.post(REGISTER_URL, form("fresh"))
    memory.advance(3600)
    newer.post(REGISTER_URL, form("fresh", password=OTHER))
    older.post(RESTART_URL)
    answer = newer.post(LOGIN_URL, {"username": EMAIL, "password": OTHER})
    assert answer["Location"] == CODE_URL
    taken = Client().post(REGISTER_URL, form("fresh", email=RIGHT))
    assert "already exists" in taken.text


def test_who_is_verified_meanwhile_stays(memory):
    browser = Client()
    browser.post(REGISTER_URL, form("fresh"))
    User.objects.update(is_active=True)
    browser.post(RESTART_URL)
    assert User.objects.get().username == "fresh"


def test_what_the_site_protects_stays_and_the_visitor_goes_on(memory, monkeypatch):
    from django.db.models import ProtectedError

    def refuse(self, *args, **kwargs):
        raise ProtectedError("an order needs it", {self})

    browser = Client()
    browser.post(REGISTER_URL, form("fresh"))
    monkeypatch.setattr(User, "delete", refuse)
    assert browser.post(RESTART_URL)["Location"] == REGISTER_URL
    assert User.objects.count() == 1
    assert SESSION_KEY not in browser.session


def test_only_a_form_starts_again(memory):
    browser = Client()
    browser.post(REGISTER_URL, form("fresh"))
    assert browser.get(RESTART_URL).status_code == 405
    assert User.objects.count() == 1


def test_a_word_of_welcome_after_the_code(memory):
    browser = Client()
    browser.post(REGISTER_URL, form("fresh"))
    browser.post(CODE_URL, {"code": memory.code(EMAIL)})
    stored = browser.get("/home/").wsgi_request._messages
    assert ["Welcome" in str(message) for message in stored] == [True]
