"""What strangers may cause: mails and guesses, and what they never take from the owner."""

from __future__ import annotations

import re
import threading

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, connections
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_sespan import known_browser
from django_sespan._internal.budgets import Budgets
from registrants import (
    CODE_URL,
    EMAIL,
    OTHER,
    PASSWORD,
    REGISTER_URL,
    RESUME_URL,
    bare,
    form,
    prepare,
)

pytestmark = pytest.mark.django_db(transaction=True)

VISITOR = "192.0.2.7"


@pytest.fixture(autouse=True)
def counted(transactional_db):
    """Count in the database from nothing."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE sespan.budget, sespan.budget_site")


def later(seconds):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sespan.budget SET used_at ="
            " ARRAY(SELECT u - make_interval(secs => %s) FROM unnest(used_at) AS u)",
            [seconds],
        )


def rows(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def reset(email=EMAIL, browser=None, **more):
    page = (browser or Client()).post("/reset/", {"email": email}, **more)
    assert (page.status_code, page["Location"]) == (302, "/reset/sent/")


def known(email=EMAIL):
    """A browser in which a code of the address was entered."""
    browser, response = Client(), HttpResponse()
    known_browser.remember(HttpRequest(), response, email)
    browser.cookies[known_browser.COOKIE] = response.cookies[known_browser.COOKIE].value
    return browser


# --- mails -----------------------------------------------------------------------------


def test_a_password_reset_has_the_budget_of_its_address():
    """A day of a stranger who asks every ten minutes, in all spellings: ten mails."""
    prepare("verified")
    spellings = [EMAIL, EMAIL.upper(), f" {EMAIL}"]
    for n in range(144):
        reset(spellings[n % 3])
        reset(spellings[n % 3])
        later(600)
    assert len(mail.outbox) == 10


def test_a_minute_and_an_hour():
    prepare("verified")
    for _ in range(60):
        reset()
        reset()
        later(60)
    assert len(mail.outbox) == 5
    reset()
    reset()
    assert len(mail.outbox) == 6


def test_a_known_browser_has_its_own_budget():
    """Whatever strangers have asked for, the owner is mailed; three times an hour."""
    prepare("verified")
    for _ in range(200):
        reset(REMOTE_ADDR=VISITOR)
        later(300)
    strangers = len(mail.outbox)
    owner = known(EMAIL.upper())
    for _ in range(5):
        reset(browser=owner, REMOTE_ADDR=VISITOR)
    assert len(mail.outbox) == strangers + 3
    reset(email="else@example.com", browser=owner)  # it is known for its own address alone


def test_a_visitor_has_a_budget_over_all_addresses():
    for n in range(30):
        User.objects.create_user(f"u{n}", f"u{n}@example.com", PASSWORD)
        reset(f"u{n}@example.com", REMOTE_ADDR="2001:db8::1:0" if n % 2 else "2001:db8::2:0")
    assert len(mail.outbox) == 20
    reset("u29@example.com", REMOTE_ADDR="2001:db8:0:1::1")
    assert len(mail.outbox) == 21


@pytest.mark.parametrize("proxied", [True, False])
def test_behind_a_proxy_visitors_cannot_be_told_apart(settings, proxied):
    settings.USE_X_FORWARDED_HOST = proxied
    for n in range(25):
        User.objects.create_user(f"u{n}", f"u{n}@example.com", PASSWORD)
        reset(f"u{n}@example.com", REMOTE_ADDR=VISITOR)
    assert len(mail.outbox) == (25 if proxied else 20)


def test_the_ceiling_of_the_site():
    rows("UPDATE sespan.budget_limit SET most = 3 WHERE name = 'mails_site_day' RETURNING 1")
    try:
        for n in range(5):
            User.objects.create_user(f"u{n}", f"u{n}@example.com", PASSWORD)
            reset(f"u{n}@example.com")
        assert len(mail.outbox) == 3
        reset("u4@example.com", browser=known("u4@example.com"))
        assert len(mail.outbox) == 4
    finally:
        rows(
            "UPDATE sespan.budget_limit SET most = 100000 WHERE name = 'mails_site_day' RETURNING 1"
        )


def at_once(count, act):
    """Act in so many threads that begin together."""
    barrier, errors = threading.Barrier(count), []

    def run(n):
        barrier.wait(30)
        try:
            act(n)
        except Exception as exc:  # noqa: BLE001
            errors.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[n]) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_parallel_resets_send_one_mail():
    prepare("verified")
    at_once(12, lambda n: reset(EMAIL.upper() if n % 2 else EMAIL))
    assert len(mail.outbox) == 1


# --- the same for known and unknown ------------------------------------------------------


@pytest.fixture
def queued(own_backend, settings):
    """Mails go into the queue, which is empty before and after."""

    def empty():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE sespan.mail_message, sespan.mail_queue")

    empty()
    yield
    empty()


def statements(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    texts = [re.sub(r"'[^']*'|\"s\d+_x\d+\"", "…", query["sql"]) for query in queries]
    return [text[:200] for text in texts if "ROLLBACK TO" not in text]  # of the unknown one's mail


def test_a_reset_runs_the_same_statements_for_known_and_unknown(queued):
    """And leaves the same behind, but for the mail."""
    prepare("verified")
    reset("warm@example.com")
    known, unknown = (statements(lambda e=e: reset(e)) for e in (EMAIL, "nobody@example.net"))
    assert known == unknown
    assert rows("SELECT count(*) FROM sespan.mail_message") == [(1,)]
    assert rows("SELECT to_addresses FROM sespan.mail_message") == [([EMAIL],)]


def test_a_pretended_registration_takes_its_user_name(memory):
    """As a real one does: for another address it is taken, for its own it is not."""
    pages = {}
    for state in ("unknown", "verified", "banned"):
        User.objects.all().delete()
        memory.reset()
        prepare(state)
        Client().post(REGISTER_URL, form("fresh"))
        other = Client().post(REGISTER_URL, form("fresh", email="other@example.com"))
        own = Client().post(REGISTER_URL, form("fresh"))
        renamed = Client().post(REGISTER_URL, form("fresher"))
        freed = Client().post(REGISTER_URL, form("fresh", email="third@example.com"))
        pages[state] = [(p.status_code, bare(p)) for p in (other, own, renamed, freed)]
    assert "already exists" in pages["unknown"][0][1]
    assert [status for status, _ in pages["unknown"]] == [200, 302, 302, 302]
    assert pages["verified"] == pages["unknown"] == pages["banned"]


# --- what sends no mail changes nothing --------------------------------------------------


@pytest.mark.parametrize("state", ["unknown", "unverified", "verified", "banned"])
def test_a_registration_without_a_mail_changes_nothing(memory, state):
    prepare(state)
    before = list(User.objects.values_list("username", "password", "email"))
    memory.budgets.refuse(91)
    page = Client().post(REGISTER_URL, form("fresh"))
    assert "Please wait 2 minutes" in page.text
    assert list(User.objects.values_list("username", "password", "email")) == before
    assert not [call for call in memory.calls if call.path.startswith("/v1/otp")]


def test_strangers_never_end_the_owners_code(memory):
    """Registered anew again and again while no mail may go: the owner's code stays right."""
    owner = Client()
    owner.post(REGISTER_URL, form("owner"))
    memory.budgets.refuse()
    for n in range(5):
        Client().post(REGISTER_URL, form(f"stranger{n}", password=OTHER))
    assert owner.post(CODE_URL, {"code": memory.code(EMAIL)})["Location"] == "/home/"


# --- guesses of a registration's password ------------------------------------------------


def resume(password, email=EMAIL, browser=None, **more):
    return (browser or Client()).post(RESUME_URL, {"email": email, "password": password}, **more)


@pytest.fixture
def registered(bound, sespan):
    Client().post(REGISTER_URL, form())


@pytest.mark.parametrize("spelling", [" {}", "{} ", "\t{}\n"])
def test_blanks_are_no_way_round_the_limit(registered, spelling):
    for _ in range(10):
        assert resume("wrong").status_code == 200
    assert resume("wrong", spelling.format(EMAIL)).status_code == 429
    assert resume("wrong", EMAIL.upper()).status_code == 429


def test_parallel_guesses_are_bounded(registered):
    seen = []
    at_once(24, lambda _: seen.append(resume("wrong").status_code))
    assert sorted(seen) == [200] * 10 + [429] * 14


def test_strangers_guesses_do_not_lock_the_owner_out(registered):
    for n in range(30):
        resume("wrong", REMOTE_ADDR=f"192.0.2.{n}")
    assert resume(PASSWORD).status_code == 429
    assert resume(PASSWORD, browser=known())["Location"] == CODE_URL


def test_a_right_password_costs_no_guess(registered):
    for _ in range(15):
        assert resume(PASSWORD)["Location"] == CODE_URL


# --- the cookie --------------------------------------------------------------------------


def test_a_browser_is_known_after_its_code(memory, client):
    client.post(REGISTER_URL, form())
    assert known_browser.COOKIE not in client.cookies
    client.post(CODE_URL, {"code": memory.code()})
    kept = client.cookies[known_browser.COOKIE]
    assert (kept["httponly"], kept["samesite"]) == (True, "Lax")
    assert EMAIL not in kept.value
    client.logout()
    client.cookies[known_browser.COOKIE] = kept.value
    client.post("/code-first/", form(username="other", email=EMAIL.upper()))
    assert memory.calls[-1].body["known_browser"] is True


@pytest.mark.parametrize("forged", ["", "x", "WyJ4Il0:1uX:y", "é"])
def test_a_forged_cookie_is_none(rf, forged):
    request = rf.get("/")
    request.COOKIES[known_browser.COOKIE] = forged
    assert not known_browser.is_known(request, EMAIL)


def test_one_browser_keeps_five_addresses(rf):
    request = rf.get("/")
    for n in range(7):
        response = HttpResponse()
        known_browser.remember(request, response, f"u{n}@example.com")
        request.COOKIES[known_browser.COOKIE] = response.cookies[known_browser.COOKIE].value
    found = [known_browser.is_known(request, f"u{n}@example.com") for n in range(7)]
    assert found == [False, False, True, True, True, True, True]


# --- the database is away ----------------------------------------------------------------


def test_without_the_schema_nothing_is_counted(monkeypatch):
    monkeypatch.setattr(
        "django_sespan._internal.budgets.logger.warning", lambda *a: None, raising=True
    )
    with connection.cursor() as cursor:
        cursor.execute("ALTER SCHEMA sespan RENAME TO away")
    try:
        assert Budgets().take("mails", EMAIL, known=False, visitor=None) == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER SCHEMA away RENAME TO sespan")


@pytest.mark.parametrize("spelling", ["budi@ｅxample.com", "BUDI@EXAMPLE.com", "ｂudi@example.com"])
def test_a_spelling_does_not_tell_who_is_known(memory, spelling):
    """An address in wide letters is the one that it means, for known and unknown alike."""
    pages = {}
    for state in ("unknown", "verified"):
        User.objects.all().delete()
        memory.reset()
        prepare(state)
        page = Client().post(REGISTER_URL, form("fresh", email=spelling))
        pages[state] = (page.status_code, page.headers.get("Location"), bare(page))
        assert User.objects.count() <= 1  # the known one, or the new one
    assert pages["unknown"] == pages["verified"]
