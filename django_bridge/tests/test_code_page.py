"""What a customer meets on the code page when things do not go well."""

from __future__ import annotations

import re
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from django.contrib.auth import user_logged_in
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from django_sespan._internal.flows import double_submit
from django_sespan._internal.flows.pending_code import SESSION_KEY
from fake import CODE, problem

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


@pytest.fixture
def waiting(client):
    """A visitor who has registered."""
    client.post("/account/register/", FORM)
    return client


def failures():
    return [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(200, content=b"<html>", headers={"Content-Type": "text/html"}),
        httpx.Response(200, content=b"{", headers={"Content-Type": "application/json"}),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[1]),
        httpx.Response(302, headers={"Location": "http://elsewhere.test/"}),
        httpx.Response(500, content=b"oops"),
        problem(503, "unavailable", {"Retry-After": "1"}),
        problem(401, "unauthorized"),
        problem(422, "invalid"),
        problem(418, "something-new"),
    ]


@pytest.mark.parametrize("number", range(len(failures())))
def test_no_failure_is_a_500(client, sespan, number):
    def fail(times=1):
        sespan.fail = [failures()[number] for _ in range(times)]

    fail(2)  # registration: the idempotent call is tried twice where the connection broke
    answer = client.post("/account/register/", FORM)
    assert answer["Location"] == CODE_URL
    sespan.fail = []
    assert "could not send" in client.get(CODE_URL).text
    assert "could not send" not in client.get(CODE_URL).text, "a notice is shown once"

    client.post(RESEND_URL)
    assert sespan.challenges, "the resend starts the challenge that failed before"

    fail(3)
    page = client.post(CODE_URL, {"code": CODE})
    assert page.status_code in {200, 503}
    assert re.search("could not check|was not accepted", page.text)
    sespan.fail = []
    fail()
    assert "could not send" in client.post(RESEND_URL, follow=True).text
    sespan.fail = []
    assert client.post(CODE_URL, {"code": CODE})["Location"] == "/home/"


def test_an_answer_that_got_lost(waiting, sespan):
    """Sespan verified, its answer never came: the status says so, and the person goes on."""
    _lose_one_answer(sespan)
    assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    assert waiting.get("/home/").text == "hello budi"


def _lose_one_answer(sespan, code=CODE):
    original = sespan.verify

    def verify(challenge, body):
        sespan.verify = original
        original(challenge, {"otp_number": code})
        raise httpx.ReadTimeout("lost")

    sespan.verify = verify


@pytest.mark.parametrize("lost", [False, True])
def test_other_digits_beside_the_right_ones(waiting, sespan, lost):
    """Whoever planted the session's key sends a guess while the visitor sends the code."""
    if lost:  # and the guess's answer is lost, so that the bridge asks what became of it
        _lose_one_answer(sespan)
    else:
        sespan.challenges[_challenge(waiting)]["status"] = "verified"
    answer = waiting.post(CODE_URL, {"code": "999999"})
    assert "Location" not in answer
    assert "_auth_user_id" not in waiting.session


def _challenge(browser):
    return browser.session["sespan_pending"]["challenge_id"]


def test_a_second_submit(waiting, sespan):
    """The same form, sent twice: one request runs wholly while the other waits for Sespan."""
    first = Client()
    first.cookies["sessionid"] = waiting.cookies["sessionid"].value

    def meanwhile(request, body):
        sespan.on_call = None
        assert first.post(CODE_URL, {"code": CODE})["Location"] == "/home/"

    sespan.on_call = meanwhile
    assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    for browser in (first, waiting):
        assert browser.get("/home/").text == "hello budi"


def test_a_service_that_stays_away_costs_little_more_than_one_wait(waiting, sespan):
    """What became of the code is asked for a second at most, after the time of one answer."""
    waited = []

    def away(request, body):
        waited.append((request.method, request.extensions["timeout"]))
        raise httpx.ReadTimeout("slow")

    sespan.on_call = away
    assert "could not check" in waiting.post(CODE_URL, {"code": CODE}).text
    (post, whole), (get, second) = waited
    assert (post, whole["read"], whole["connect"]) == ("POST", 2.0, 1.0)  # TIMEOUT of these tests
    assert get == "GET"
    assert max(second.values()) <= 1.0


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("url", [CODE_URL, RESEND_URL])
def test_a_second_submit_with_the_session_of_before(waiting, method, url):
    """The first answer never reached the browser, which has the old cookie still."""
    late = Client()
    late.cookies["sessionid"] = waiting.cookies["sessionid"].value
    assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    page = getattr(late, method)(url, {"code": CODE})
    assert page.status_code == 200
    assert "Your address is confirmed" in page.text
    assert 'href="/home/"' in page.text
    # It is logged in by nothing, and does not take the newer cookie out of the browser.
    assert "sessionid" not in page.cookies
    assert late.get("/home/").text == "hello "
    assert waiting.get("/home/").text == "hello budi"


def test_a_second_submit_while_the_first_one_logs_in(waiting, sespan):
    """The session of before is gone at that moment, and the first answer not yet on its way."""
    late, pages = Client(), []
    late.cookies["sessionid"] = waiting.cookies["sessionid"].value

    def meanwhile(**kwargs):
        pages.append(late.post(CODE_URL, {"code": CODE}))

    user_logged_in.connect(meanwhile)
    try:
        assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    finally:
        user_logged_in.disconnect(meanwhile)
    (page,) = pages
    assert "Your address is confirmed" in page.text


def test_without_a_cache_a_second_submit_has_to_log_in(waiting, monkeypatch, caplog):
    def away(*args):
        raise ConnectionError

    monkeypatch.setattr(double_submit, "cache", SimpleNamespace(get=away, set=away))
    late = Client()
    late.cookies["sessionid"] = waiting.cookies["sessionid"].value
    assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    assert late.post(CODE_URL, {"code": CODE})["Location"] == "/account/code/resume/"
    assert caplog.text.count("The cache does not answer") == 2


def test_a_code_used_by_another_challenge(waiting, sespan):
    sespan.fail = [problem(409, "otp-used"), problem(404, "unknown-challenge")]
    assert "was used already" in waiting.post(CODE_URL, {"code": CODE}).text


def test_back_button_and_second_tab(waiting):
    waiting.post(CODE_URL, {"code": CODE})
    for answer in (
        waiting.get(CODE_URL),
        waiting.post(CODE_URL, {"code": CODE}),
        waiting.post(RESEND_URL),
        waiting.get("/account/register/"),
    ):
        assert (answer.status_code, answer["Location"]) == (302, "/home/")


RESUME_URL = "/account/code/resume/"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("url", [CODE_URL, RESEND_URL])
def test_an_expired_session_leads_to_resume(client, method, url, sespan):
    answer = getattr(client, method)(url)
    assert (answer.status_code, answer["Location"]) == (302, RESUME_URL)
    page = client.get(RESUME_URL)
    assert "Which registration is it?" in page.text
    assert 'href="/login/"' in page.text
    assert "no-store" in page["Cache-Control"]
    assert sespan.calls == []


@pytest.mark.parametrize("stored", ["x", {"odd": 1}, {"purpose": "registration"}, 7, []])
def test_a_session_of_another_version(client, stored):
    session = client.session
    session[SESSION_KEY] = stored
    session.save()
    client.cookies["sessionid"] = session.session_key
    assert client.get(CODE_URL)["Location"] == RESUME_URL


def test_wrong_codes_count_down_to_the_lock(waiting, sespan):
    texts = [waiting.post(CODE_URL, {"code": "000000"}).text for _ in range(6)]
    for text, words in zip(
        texts,
        ["4 tries", "3 tries", "2 tries", "1 try left", "the last try", "Too many wrong"],
        strict=True,
    ):
        assert words in text
    assert "30 minutes" in texts[-1]
    assert waiting.get(CODE_URL).status_code == 200
    assert not waiting.session.get("_auth_user_id")


def test_attempts_left_stay_on_the_page(waiting):
    waiting.post(CODE_URL, {"code": "000000"})
    assert "You have 4 tries left" in waiting.get(CODE_URL).text


@pytest.mark.parametrize("typed", ["", "12345", "1234567890", "12345a", "abcdef", "١٢٣", "x" * 500])
def test_what_is_no_code_costs_no_guess(waiting, sespan, typed):
    before = len(sespan.calls)
    page = waiting.post(CODE_URL, {"code": typed})
    assert page.status_code == 200
    assert "sespan-errors" in page.text
    assert len(sespan.calls) == before


@pytest.mark.parametrize(
    ("slug", "status", "words"),
    [
        ("otp-expired", 410, "no longer valid"),
        ("unknown-challenge", 404, "no longer valid"),
        ("activation-refused", 403, "cannot be opened"),
        ("unknown-customer", 404, "was not accepted"),
    ],
)
def test_each_problem_has_its_text(waiting, sespan, slug, status, words):
    sespan.fail = [problem(status, slug)]
    page = waiting.post(CODE_URL, {"code": CODE})
    assert page.status_code == 200
    assert words in page.text


def test_resend(waiting, sespan):
    page = waiting.post(RESEND_URL, follow=True)
    assert "A new code is on its way" in page.text
    assert re.search(r'data-seconds="(59|60)"', page.text)
    assert sespan.calls[-1][1].endswith("/resend")
    assert waiting.get(RESEND_URL).status_code == 405


def test_resend_too_soon(waiting, sespan):
    sespan.fail = [problem(429, "otp-too-soon", {"Retry-After": "42"})]
    assert "wait 42 seconds" in waiting.post(RESEND_URL, follow=True).text


@pytest.mark.parametrize(
    ("status", "slug"), [(410, "otp-expired"), (429, "otp-locked"), (404, "unknown-challenge")]
)
def test_resend_of_a_challenge_that_is_over_starts_another(waiting, sespan, status, slug):
    waiting.post(CODE_URL, {"code": "000000"})
    old = waiting.session[SESSION_KEY]["challenge_id"]
    sespan.fail = [problem(status, slug)]
    waiting.post(RESEND_URL)
    pending = waiting.session[SESSION_KEY]
    assert pending["challenge_id"] != old
    assert pending["attempts_left"] is None


def test_a_challenge_of_another_customer_logs_no_one_in(waiting, sespan):
    for challenge in sespan.challenges.values():
        challenge["customer_id"] = "999"
    page = waiting.post(CODE_URL, {"code": CODE})
    assert page.status_code == 503
    assert not waiting.session.get("_auth_user_id")


def test_verified_but_still_inactive_is_not_logged_in(waiting, sespan):
    sespan.on_verified = None
    assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/login/"
    assert not waiting.session.get("_auth_user_id")
    assert waiting.get(CODE_URL)["Location"] == RESUME_URL, "nothing was confirmed"


def test_disabled(client, sespan, settings):
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False}
    assert "could not send" in client.post("/account/register/", FORM, follow=True).text


def test_codes_never_reach_the_log(waiting, sespan, caplog):
    caplog.set_level("DEBUG")
    waiting.post(CODE_URL, {"code": "135790"})
    sespan.fail = [httpx.ReadTimeout("slow"), httpx.ReadTimeout("slow")]
    waiting.post(CODE_URL, {"code": "135790"})
    text = "\n".join(r.getMessage() for r in caplog.records)
    assert "135790" not in text
    assert "sk_" not in text
    assert "A code was not accepted" in text


def test_indonesian(client):
    page = client.get("/account/register/", headers={"accept-language": "id"})
    assert "Buat akun" in page.text
    assert 'lang="id"' in page.text


def test_atomic_requests_of_the_code_page(waiting, sespan):
    """No lock of the site is held while Sespan is asked: it updates the user meanwhile."""

    def touch(request, body):
        params = connection.get_connection_params()
        params |= {"cursor_factory": psycopg.Cursor, "context": None}
        with psycopg.connect(**params, autocommit=True) as other:
            other.execute("SET lock_timeout = '200ms'")
            other.execute("SELECT 1 FROM auth_user FOR UPDATE")
            other.execute("SELECT 1 FROM django_session FOR UPDATE")

    sespan.on_call = touch
    assert waiting.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
