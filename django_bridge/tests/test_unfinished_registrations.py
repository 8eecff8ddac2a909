"""Unfinished registrations: customers who come back, change their mind, or are somebody else."""

from __future__ import annotations

import re
import threading

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client

from django_sespan import errors, signals
from django_sespan._internal.flows.pending_code import SESSION_KEY
from registrants import (
    CODE_URL,
    EMAIL,
    LOGIN_URL,
    OTHER,
    PASSWORD,
    REGISTER_URL,
    RESEND_URL,
    RESUME_URL,
    form,
    prepare,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


def challenge(browser):
    return browser.session[SESSION_KEY]["challenge_id"]


def enter(browser, code):
    answer = browser.post(CODE_URL, {"code": code})
    assert answer.headers.get("Location") == "/home/", re.findall("<li>(.*?)</li>", answer.text)


# --- registered once more ---------------------------------------------------------------


def test_a_double_click_and_the_back_button(client, sespan):
    for _ in range(3):
        client.get(REGISTER_URL)
        assert client.post(REGISTER_URL, form())["Location"] == CODE_URL
    assert len(sespan.outbox) == 1
    assert User.objects.count() == 1
    enter(client, sespan.code())


def test_the_same_password_from_another_browser(client, sespan):
    client.post(REGISTER_URL, form())
    other = Client()
    other.post(REGISTER_URL, form())
    assert challenge(other) == challenge(client)
    enter(other, sespan.code())


@pytest.mark.parametrize("names", [("one", "two"), ("one", "one")])
def test_two_first_submits_at_once(sespan, names):
    """One account, although nothing in the table keeps an address unique; and one usable code."""
    start, browsers = threading.Barrier(2), [Client(), Client()]

    def submit(browser, name):
        start.wait(10)
        try:
            assert browser.post(REGISTER_URL, form(name)).status_code == 302
        finally:
            connection.close()

    pairs = zip(browsers, names, strict=True)
    threads = [threading.Thread(target=submit, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert User.objects.filter(email=EMAIL).count() == 1
    assert len(sespan.outbox) == 1
    for browser in browsers:
        enter(browser, sespan.code())


def test_a_corrected_form_keeps_the_code(client, sespan):
    client.post(REGISTER_URL, form("bdui"))
    client.post(REGISTER_URL, form("budi"))
    assert User.objects.get().username == "budi"
    assert len(sespan.outbox) == 1
    enter(client, sespan.code())


def test_the_newest_registration_replaces_the_older_one(client, sespan):
    seen = []

    def registered(user, replaced, **kwargs):
        seen.append((user.username, replaced))

    signals.customer_registered.connect(registered)
    try:
        client.post(REGISTER_URL, form("first"))
        old = sespan.code()
        sespan.advance(61)
        newer = Client()
        newer.post(REGISTER_URL, form("second", password=OTHER))
    finally:
        signals.customer_registered.disconnect(registered)
    assert seen == [("first", False), ("second", True)]
    user = User.objects.get()
    assert (user.username, user.check_password(OTHER)) == ("second", True)
    for code in (old, sespan.code()):
        page = client.post(CODE_URL, {"code": code})
        assert page.status_code == 200
        assert "registered anew" in page.text
        assert f'href="{REGISTER_URL}"' in page.text
    enter(newer, sespan.code())
    assert User.objects.get().check_password(OTHER)


def test_its_own_user_name_is_no_conflict_with_what_is_replaced(client):
    client.post(REGISTER_URL, form("budi"))
    other = Client()
    assert other.post(REGISTER_URL, form("budi", password=OTHER))["Location"] == CODE_URL
    assert User.objects.get().check_password(OTHER)
    User.objects.create_user("siti", "siti@example.com", "x")
    assert "already exists" in other.post(REGISTER_URL, form("siti", password=OTHER)).text
    assert User.objects.get(email=EMAIL).username == "budi"


def test_the_wait_of_a_replaced_registration(client, sespan):
    client.post(REGISTER_URL, form())
    other = Client()
    other.post(REGISTER_URL, form(password=OTHER))
    page = other.get(CODE_URL).text
    assert re.search(r"wait \d+ seconds", page)
    assert re.search(r'data-seconds="[3-6]\d"', page)
    assert len(sespan.outbox) == 1
    assert re.search(r"wait \d+ seconds", other.post(RESEND_URL, follow=True).text)
    sespan.advance(61)
    other.post(RESEND_URL)
    enter(other, sespan.code())


def test_a_registration_that_was_reset_meanwhile(client, sespan):
    client.post(REGISTER_URL, form())
    user = User.objects.get()
    user.set_password(OTHER)
    user.save()
    assert "got another password" in client.post(CODE_URL, {"code": sespan.code()}).text
    assert "got another password" in client.post(RESEND_URL, follow=True).text
    assert not User.objects.get().is_active


def test_a_code_that_another_session_used_gives_no_access(client, sespan):
    """The challenge is verified; but this session's password is not the account's any more."""
    client.post(REGISTER_URL, form())
    User.objects.update(is_active=True)
    user = User.objects.get()
    user.set_password(OTHER)
    user.save()
    client.post(CODE_URL, {"code": sespan.code()})
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("state", ["verified", "banned", "inactive", "twice"])
def test_an_account_is_never_touched(client, sespan, state):
    before = prepare(state)
    client.post(REGISTER_URL, form("fresh"))
    after = User.objects.get(pk=before.pk)
    assert (after.username, after.password, after.is_active) == (
        before.username,
        before.password,
        before.is_active,
    )
    assert not sespan.outbox
    assert bool(sespan.notices) == (state in {"verified", "twice"})


# --- log in before the code -------------------------------------------------------------


@pytest.mark.parametrize("login", ["budi", EMAIL, EMAIL.upper()])
def test_login_leads_to_the_code_form(client, sespan, login):
    Client().post(REGISTER_URL, form())
    answer = client.post(f"{LOGIN_URL}?next=/cart/", {"username": login, "password": PASSWORD})
    assert answer["Location"] == CODE_URL
    assert "not confirmed yet" in client.get(CODE_URL).text
    assert len(sespan.outbox) == 1, "the code that is under way is enough"
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/cart/"
    assert [login.outcome for login in sespan.logins] == ["failure", "success"]


def test_login_sends_a_code_when_none_is_alive(client, sespan):
    Client().post(REGISTER_URL, form())
    sespan.advance(3600)
    client.post(LOGIN_URL, {"username": "budi", "password": PASSWORD})
    assert len(sespan.outbox) == 2
    enter(client, sespan.code())


def test_login_is_unchanged_for_everybody_else(client):
    prepare("verified")
    page = client.post(LOGIN_URL, {"username": "old", "password": "wrong"})
    assert "Please enter a correct username and password" in page.text
    right = {"username": "old", "password": "old password 7"}
    assert client.post(f"{LOGIN_URL}?next=/cart/", right)["Location"] == "/cart/"


@pytest.mark.parametrize("state", ["banned", "inactive"])
def test_login_of_a_banned_customer(client, state):
    prepare(state)
    page = client.post(LOGIN_URL, {"username": "old", "password": "old password 7"})
    assert "Please enter a correct username and password" in page.text
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize(
    "backends",
    [
        ["django.contrib.auth.backends.AllowAllUsersModelBackend"],
        [
            "django.contrib.auth.backends.RemoteUserBackend",
            "django.contrib.auth.backends.ModelBackend",
        ],
    ],
)
def test_login_with_other_backends(client, sespan, settings, backends):
    settings.AUTHENTICATION_BACKENDS = backends
    settings.SESPAN = {**settings.SESPAN, "LOGIN_BACKEND": backends[-1]}
    Client().post(REGISTER_URL, form())
    client.post(LOGIN_URL, {"username": "budi", "password": PASSWORD})
    enter(client, sespan.code())
    assert client.session["_auth_user_backend"] == backends[-1]


def test_a_code_in_hand_when_sespan_was_away_at_the_resume(client, sespan):
    Client().post(REGISTER_URL, form())
    with sespan.failing(errors.SespanUnavailable("away")):
        client.post(RESUME_URL, {"email": EMAIL, "password": PASSWORD})
    enter(client, sespan.code())


# --- another browser, a lost session ----------------------------------------------------


def test_resume(client, sespan):
    Client().post(REGISTER_URL, form())
    assert client.post(RESUME_URL, {"email": EMAIL, "password": PASSWORD})["Location"] == CODE_URL
    enter(client, sespan.code())
    assert client.get(RESUME_URL)["Location"] == "/home/"


def test_resume_is_throttled(client, sespan):
    Client().post(REGISTER_URL, form())

    def post(email, password):
        credentials = {"email": email, "password": password}
        return client.post(RESUME_URL, credentials, REMOTE_ADDR="192.0.2.7")

    for _ in range(10):
        assert post(EMAIL, "wrong").status_code == 200
    for password in ("wrong", PASSWORD):
        page = post(EMAIL, password)
        assert page.status_code == 429
        assert "wait 15 minutes" in page.text
    for n in range(10):
        assert post(f"{n}@example.com", "wrong").status_code == 200
    assert post("x@example.com", "y").status_code == 429
    assert [login.outcome for login in sespan.logins] == ["failure"] * 20


@pytest.mark.parametrize("state", ["verified", "banned"])
def test_password_reset_is_unchanged_for_other_states(client, state):
    prepare(state)
    client.post("/reset/", {"email": EMAIL})
    assert len(mail.outbox) == (state == "verified")


def test_password_reset_before_the_code(client, sespan):
    client.post(REGISTER_URL, form())
    browser = Client()
    browser.post("/reset/", {"email": EMAIL.upper()})
    (message,) = mail.outbox
    assert message.to == [EMAIL]
    link = re.search(r"http://testserver(/\S+)", message.body).group(1)
    where = browser.get(link, follow=True).redirect_chain[-1][0]
    browser.post(where, {"new_password1": OTHER, "new_password2": OTHER})
    assert not User.objects.get().is_active
    assert browser.post(LOGIN_URL, {"username": "budi", "password": OTHER})["Location"] == CODE_URL
    enter(browser, sespan.code())


# --- two tabs, support ------------------------------------------------------------------


def test_two_tabs_with_two_addresses(client, sespan):
    client.post(REGISTER_URL, form())
    first = re.search(r'name="subject" value="(\w+)"', client.get(CODE_URL).text).group(1)
    client.post(REGISTER_URL, form("siti", "siti@example.com"))
    page = client.post(CODE_URL, {"code": sespan.code(EMAIL), "subject": first})
    assert "another registration" in page.text
    assert "s***@example.com" in page.text
    assert not [c for c in sespan.calls if c.path.endswith("/verify")], "it cost no guess"
    second = re.search(r'name="subject" value="(\w+)"', page.text).group(1)
    answer = client.post(CODE_URL, {"code": sespan.code("siti@example.com"), "subject": second})
    assert answer["Location"] == "/home/"


def test_a_right_code_without_an_activation_right(client, sespan):
    client.post(REGISTER_URL, form())
    sespan.registrations.end(str(User.objects.get().pk))
    for _ in range(2):
        page = client.post(CODE_URL, {"code": sespan.code()})
        assert "Please write to us" in page.text
    assert "Please write to us" in client.post(RESEND_URL, follow=True).text
    assert not User.objects.get().is_active


def test_a_replacement_that_is_not_possible_now(client, sespan, monkeypatch):
    """Neither the older code nor a pretended one may follow."""
    client.post(REGISTER_URL, form())
    monkeypatch.setattr(type(sespan.registrations), "supersede", lambda self, user: "unknown")
    other = Client()
    page = other.post(REGISTER_URL, form(password=OTHER))
    assert page.status_code == 503
    assert "nothing was kept" in page.text
    assert User.objects.get().check_password(PASSWORD)
    assert SESSION_KEY not in other.session
    enter(client, sespan.code())


def test_a_deleted_customer(client, sespan):
    client.post(REGISTER_URL, form())
    User.objects.all().delete()
    assert "no longer valid" in client.post(CODE_URL, {"code": "123456"}).text
    assert "register again" in client.post(RESEND_URL, follow=True).text


def test_the_adapter_may_refuse_to_resume(client, sespan, settings):
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": "test_adapter.Strict"}
    Client().post(REGISTER_URL, form())
    page = client.post(LOGIN_URL, {"username": "budi", "password": PASSWORD})
    assert "Please enter a correct username" in page.text
    page = client.post(RESUME_URL, {"email": EMAIL, "password": PASSWORD})
    assert "waits for a code" in page.text


def test_an_outage_at_login_is_shown_on_the_code_page(client, sespan):
    Client().post(REGISTER_URL, form())
    with sespan.failing(errors.SespanUnavailable):
        client.post(LOGIN_URL, {"username": "budi", "password": PASSWORD})
        assert "could not send" in client.get(CODE_URL).text
    client.post(RESEND_URL)
    enter(client, sespan.code())


def test_a_tab_from_before_the_login_is_redirected(sespan):
    browser = Client(enforce_csrf_checks=True)
    browser.get(REGISTER_URL)
    stale = {"code": "123456", "csrfmiddlewaretoken": "x" * 64}
    pages = [REGISTER_URL, CODE_URL, RESEND_URL]
    assert [browser.post(page, stale).status_code for page in pages] == [403] * 3
    browser.force_login(User.objects.create_user("sari", "sari@example.com", "x"))
    calls = len(sespan.calls)
    for page in pages:
        sent_on = browser.post(page, stale, follow=True)
        assert sent_on.redirect_chain[-1] == ("/home/", 302)
    assert len(sespan.calls) == calls
