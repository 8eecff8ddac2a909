"""Clocks, bindings, browsers without scripts, code without a request, async sites."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import AsyncClient, Client

from django_sespan._internal.flows import resume_registration, send_code, verify_code
from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan._internal.registrations import Registrations
from django_sespan.client import get_client
from fake import CODE, problem
from registrants import (
    CODE_URL,
    EMAIL,
    LOGIN_URL,
    PASSWORD,
    REGISTER_URL,
    RESEND_URL,
    RESUME_URL,
    form,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bound")]


@pytest.fixture(autouse=True)
def activation(sespan):
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)


# --- clocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-1, 1])
def test_a_clock_that_is_off_by_a_minute(client, sespan, minutes):
    """The wait is counted wrongly at first, and rightly once the service has said how long."""
    sespan.fast = timedelta(minutes=minutes)
    client.post(REGISTER_URL, form())
    page = client.get(CODE_URL).text
    seconds = int(re.search(r'data-seconds="(\d+)"', page).group(1))
    assert abs(seconds - (60 + 60 * minutes)) <= 2
    assert f"valid for {10 + minutes} minutes.</p>" in page
    sespan.fail = [problem(429, "otp-too-soon", {"Retry-After": "42"})]
    page = client.post(RESEND_URL, follow=True).text
    assert "wait 42 seconds" in page
    assert re.search(r'data-seconds="4[12]"', page)
    assert client.post(CODE_URL, {"code": CODE})["Location"] == "/home/"


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_a_checkout_token_tolerates_a_minute_of_clock_skew(signing_key, monkeypatch, seconds):
    """30 seconds of leeway are the service's; the rest of a minute is in the token."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    token = signing_key.sign("1", "order-1", "10.00")
    monkeypatch.undo()
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iat"] <= real() + 30
    assert claims["exp"] >= real() + 180


# --- the service says no ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "unavailable", {"Retry-After": "1"}),  # such as a stale binding
        problem(401, "unauthorized"),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, json={"status": "ok"}),
    ],
    ids=["stale", "wrong key", "slow", "garbage"],
)
def test_every_page_while_the_service_is_of_no_use(bound, client, sespan, failure):
    def broken(step, times=3):
        sespan.fail = [failure] * times
        try:
            return step()
        finally:
            sespan.fail = []

    broken(lambda: client.post(REGISTER_URL, form()))
    assert "could not send" in client.get(CODE_URL).text
    for url, data in (
        (LOGIN_URL, {"username": "budi", "password": PASSWORD}),
        (RESUME_URL, {"email": EMAIL, "password": PASSWORD}),
    ):
        browser = Client()
        answer = broken(lambda b=browser, u=url, d=data: b.post(u, d))
        assert answer["Location"] == CODE_URL
        assert "could not send" in browser.get(CODE_URL).text
    page = broken(lambda: client.post("/code-first/", form("siti", "siti@example.com")))
    assert page.status_code == 503
    assert "nothing was kept" in page.text
    client.post(RESEND_URL)
    page = broken(lambda: client.post(CODE_URL, {"code": CODE}))
    assert page.status_code in {200, 503}
    assert re.search("could not check", page.text)
    assert client.post(CODE_URL, {"code": CODE})["Location"] == "/home/"


UNBIND = "SELECT sespan.customer_unbind()"


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_who_cannot_be_activated_later_is_not_made(client, sespan, caplog):
    """Nothing is bound: the visitor has a page, the log a line, and no customer was made."""
    owner = User.objects.create_user("owner", "owner@example.com", PASSWORD)
    run(UNBIND)
    seen = []
    for email in (EMAIL, owner.email):
        page = Client().post(REGISTER_URL, form(email=email))
        assert page.status_code == 503
        assert "nothing was kept" in page.text
        seen.append((page.status_code, re.sub(r'value="[^"]*"', "", page.text)))
    assert seen[0] == seen[1], "whoever has the address"
    assert list(User.objects.all()) == [owner]
    assert sespan.calls == []
    assert "Sespan cannot be told of new customers: no customer table is bound" in caplog.text


def test_a_binding_that_does_not_fit_any_more(client, sespan, caplog):
    columns = '{"customer_id": {"column": "id"}, "email": {"column": "gone"}}'
    run(f"SELECT sespan.customer_bind('public.auth_user'::regclass, '{columns}'::jsonb)")
    page = client.post(REGISTER_URL, form())
    assert (page.status_code, User.objects.count()) == (503, 0)
    assert "the binding is stale" in caplog.text


def test_a_binding_without_is_active(client, sespan, caplog):
    """The row is rolled back: no code could ever activate it."""
    columns = '{"customer_id": {"column": "id"}, "email": {"column": "email"}}'
    run(f"SELECT sespan.customer_bind('public.auth_user'::regclass, '{columns}'::jsonb)")
    page = client.post(REGISTER_URL, form())
    assert (page.status_code, User.objects.count()) == (503, 0)
    assert "is is_active bound" in caplog.text


def test_users_in_another_database_than_sespan(client, sespan, settings, caplog):
    settings.SESPAN = {**settings.SESPAN, "DATABASE": "elsewhere"}
    page = client.post(REGISTER_URL, form())
    assert (page.status_code, User.objects.count()) == (503, 0)
    assert 'SESPAN["DATABASE"]' in caplog.text


def test_a_rule_of_the_database_that_no_form_knows(client, caplog):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_user ADD CONSTRAINT odd CHECK (username <> 'budi')")
    try:
        page = client.post(REGISTER_URL, form())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE auth_user DROP CONSTRAINT odd")
    assert page.status_code == 503
    assert "nothing was kept" in page.text
    assert SESSION_KEY not in client.session
    assert "SQLSTATE 23514 by odd of the table auth_user" in caplog.text
    assert "budi@example.com" not in caplog.text
    assert "Failing row" not in caplog.text


def test_a_right_that_cannot_be_looked_up(bound, client, monkeypatch):
    """Whose account it is cannot be told now: it stays as it is, the visitor learns nothing."""

    client.post(REGISTER_URL, form())
    monkeypatch.setattr(Registrations, "right", lambda self, user: "unknown")
    other = Client()
    assert (
        other.post(REGISTER_URL, form("siti", password="another horse 8"))["Location"] == CODE_URL
    )
    assert "4 tries" in other.post(CODE_URL, {"code": CODE}).text, "pretended, without a call"
    assert User.objects.get().check_password(PASSWORD)


# --- without a script ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", [REGISTER_URL, CODE_URL, RESUME_URL, LOGIN_URL])
def test_pages_need_no_script(client, url):
    if url == CODE_URL:
        client.post(REGISTER_URL, form())
    page = client.get(url).text
    assert "disabled" not in page
    assert page.count(" hidden>") == page.count("data-sespan-countdown hidden>")
    assert page.count("<form") == page.count('method="post"')
    assert page.count("csrfmiddlewaretoken") == page.count("<form")
    assert '<link rel="stylesheet" href="/static/django_sespan/pages.css">' in page


# --- without a request, and in async code ---------------------------------------------------------


def test_flows_without_a_request(bound, client, sespan, rf):
    """A command or a cron job may send and check codes."""
    with transaction.atomic():
        user = User.objects.create_user("budi", EMAIL, PASSWORD, is_active=False)
        Registrations().register(user)
    request = rf.get("/")
    request.session = client.session
    pending = resume_registration.resume(request, resume_registration.Claim(user))
    send_code.send_code(None, pending)
    send_code.resend_code(None, pending)
    assert all("sespan-client-ip" not in headers for *_, headers in sespan.calls)
    answer = verify_code.verify_code(None, pending, CODE)
    assert answer.customer_id == str(user.pk)
    assert resume_registration.find_claim(None, "budi", [user], "wrong") is None


def test_an_async_site(sespan):
    """Pages run in a thread of their own; the client is called from one, too."""

    async def visit():
        browser = AsyncClient()
        assert (await browser.post(REGISTER_URL, form()))["Location"] == CODE_URL
        assert (await browser.get(CODE_URL)).status_code == 200
        return await browser.post(CODE_URL, {"code": CODE})

    assert async_to_sync(visit)()["Location"] == "/home/"


def test_a_slow_service_does_not_stop_the_event_loop(sespan):
    ticks, enough = [], threading.Event()
    (sespan.challenges.setdefault("0197f3c2-0000-7000-8000-000000000001", {})).update(
        status="pending", purpose="registration", guesses=5
    )
    sespan.on_call = lambda request, body: enough.wait(10)

    async def tick():
        while True:
            ticks.append(time.monotonic())
            if len(ticks) > 10:
                enough.set()
            await asyncio.sleep(0.01)

    async def ask():
        clock = asyncio.create_task(tick())
        look = sync_to_async(get_client().otp_status, thread_sensitive=False)
        try:
            return await look("0197f3c2-0000-7000-8000-000000000001")
        finally:
            clock.cancel()

    assert asyncio.run(ask()).status == "pending"
    assert enough.is_set()
