"""A login by a code that is mailed: as pages, and from a page of the site's own."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from django_sespan import adapter, errors, login_code, signals
from registrants import CODE_URL, EMAIL, LOGIN_CODE_URL, RESEND_URL, STATES, bare, prepare

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("own_forms_urls")]

URL = LOGIN_CODE_URL
OWN = "/own-code-login/"
PAGES = {URL: "email", OWN: "address"}


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


@pytest.fixture
def budi():
    return User.objects.create_user("budi", EMAIL, "old password 7")


@pytest.mark.parametrize("url", PAGES)
def test_the_whole_path(client, sespan, budi, url):
    seen = []

    def note(**arguments):
        seen.append((arguments["customer_id"], arguments["purpose"]))

    signals.code_sent.connect(note)
    signals.email_verified.connect(note)
    try:
        answer = client.post(url, {PAGES[url]: EMAIL.upper(), "next": "/cart/"})
        assert answer["Location"] == CODE_URL
        assert "b***@example.com" in client.get(CODE_URL).text
        assert "4 tries" in client.post(CODE_URL, {"code": sespan.wrong_code()}).text
        before = client.session.session_key
        assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/cart/"
    finally:
        signals.code_sent.disconnect(note)
        signals.email_verified.disconnect(note)
    assert client.get("/home/").text == "hello budi"
    assert client.session.session_key != before
    assert seen == [(None, "login"), (str(budi.pk), "login")]
    assert [login.outcome for login in sespan.logins] == ["success"]
    assert client.cookies["sespan_known"].value


def test_the_page(client):
    page = client.get(f"{URL}?next=/cart/")
    assert 'autocomplete="username"' in page.text
    assert 'value="/cart/"' in page.text
    assert "Enter a valid email address" in client.post(URL, {"email": "budi"}).text
    client.force_login(User.objects.create_user("budi", EMAIL, "x"))
    assert client.get(f"{URL}?next=/cart/")["Location"] == "/cart/"


@pytest.mark.parametrize("state", STATES)
def test_nobody_learns_whether_an_address_is_known(client, sespan, state):
    def trail(browser):
        steps = [browser.post(URL, {"email": EMAIL}), browser.get(CODE_URL)]
        steps += [browser.post(CODE_URL, {"code": "000000"}) for _ in range(6)]
        sespan.advance(61)
        steps += [browser.post(RESEND_URL, follow=True), browser.get(CODE_URL)]
        return [(p.status_code, p.headers.get("Location"), bare(p)) for p in steps]

    unknown = trail(Client())
    sespan.reset()
    prepare(state)
    assert trail(client) == unknown
    assert (sespan.outbox != []) == (state == "verified")
    assert sespan.notices == []


def test_another_code_and_another_browser(client, sespan, budi):
    client.post(URL, {"email": EMAIL})
    first = sespan.code()
    sespan.advance(61)
    assert "A new code is on its way" in client.post(RESEND_URL, follow=True).text
    other = Client()
    assert other.post(CODE_URL, {"code": first})["Location"].endswith("/code/resume/")
    assert client.post(CODE_URL, {"code": first})["Location"] == "/home/"


def test_while_sespan_is_away(client, sespan, budi):
    with sespan.failing(errors.SespanUnavailable):
        page = client.post(URL, {"email": EMAIL}, follow=True)
        assert "could not send the code just now" in page.text
    assert "A new code is on its way" in client.post(RESEND_URL, follow=True).text
    with sespan.failing(errors.SespanUnavailable):
        assert client.post(CODE_URL, {"code": sespan.code()}).status_code == 503
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"


def test_a_lost_answer(client, sespan, budi):
    """The code is used up: what was asked for is the one active account of the address."""
    client.post(URL, {"email": EMAIL})
    challenge = client.session["sespan_pending"]["challenge_id"]
    sespan.client.otp_verify(challenge, sespan.code())
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    assert client.get("/home/").text == "hello budi"


def test_a_ban_between_code_and_answer(client, sespan, budi):
    client.post(URL, {"email": EMAIL})
    code = sespan.code()
    User.objects.update(is_active=False)
    page = client.post(CODE_URL, {"code": code})
    assert page.status_code == 200
    assert "_auth_user_id" not in client.session


def test_whoever_has_no_password_logs_in_elsewhere(client, sespan, budi, monkeypatch):
    """As with Django's password reset: those users are another system's."""
    budi.set_unusable_password()
    budi.save()
    client.post(URL, {"email": EMAIL})
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/login/"
    assert "_auth_user_id" not in client.session
    sespan.advance(61)
    monkeypatch.setattr(adapter.Adapter, "may_log_in_by_code", lambda *_: True)
    client.post(URL, {"email": EMAIL})
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"


def test_what_is_no_address(rf):
    with pytest.raises(ValidationError):
        login_code.begin(rf.post("/"), "budi")


def test_a_code_of_a_login_verifies_no_registration(client, sespan):
    """And the other way round: each has its own purpose."""
    prepare("unverified")
    client.post(URL, {"email": EMAIL})
    assert sespan.outbox == []
    assert not User.objects.get().is_active
