"""Sessions that go on under another key: of a registration, and beside another request."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from fake import CODE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bound")]

FORM = {
    "username": "budi",
    "email": "budi@example.com",
    "password1": "correct horse 9",
    "password2": "correct horse 9",
}
CODE_URL = "/account/code/"
RESEND_URL = "/account/code/resend/"


@pytest.fixture(autouse=True)
def activation(sespan):
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)


def test_a_planted_session_key_is_left_behind(client):
    """Whoever planted the key that a visitor registers under has a session without a code."""
    planted = client.session
    planted["cart"] = "full"
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    client.post("/account/register/", FORM)
    assert client.cookies["sessionid"].value != planted.session_key
    assert client.session["cart"] == "full"
    other = Client()
    other.cookies["sessionid"] = planted.session_key
    assert other.get(CODE_URL)["Location"] == "/account/code/resume/"
    assert "We sent a code" in client.get(CODE_URL).text


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file"])
def test_a_new_code_beside_the_right_one(client, sespan, settings, engine, tmp_path):
    """The login ends the session that the other request would save, which ends in its result."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = tmp_path
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    client.post("/account/register/", FORM)
    first = Client()
    first.cookies["sessionid"] = client.cookies["sessionid"].value

    def meanwhile(request, body):
        sespan.on_call = None
        assert first.post(CODE_URL, {"code": CODE})["Location"] == "/home/"

    sespan.on_call = meanwhile
    answer = client.post(RESEND_URL)
    assert answer.status_code == 200
    assert "/home/" in answer.text, "the page that says that the address is confirmed"
    assert "sessionid" not in answer.cookies, "the cookie of the login is left alone"
    assert first.get("/home/").text == "hello budi"


def test_a_new_code_beside_another_registration(client, sespan):
    """The session went on under another key, and nobody is logged in: the code page is next."""
    client.post("/account/register/", FORM)

    def meanwhile(request, body):
        sespan.on_call = None
        Session.objects.all().delete()

    sespan.on_call = meanwhile
    answer = client.post(RESEND_URL)
    assert (answer.status_code, answer["Location"]) == (302, CODE_URL)
