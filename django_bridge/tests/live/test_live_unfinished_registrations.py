"""Unfinished registrations against the real service and its locks."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan._internal.registrations import Registrations
from django_sespan.client import get_client
from django_sespan.errors import OTPExpired
from django_sespan.models import ApiLog
from live.test_live import CODE_URL, PASSWORD, RESEND_URL, ajax, code_in, enter, register
from site_project.orders import ORDERS

RESUME_URL = "/account/code/resume/"
OTHER = "another horse 8"


numbers = itertools.count(1)


@pytest.fixture
def name():
    return f"citizen{next(numbers)}"


def passwords(password):
    return {"password1": password, "password2": password}


def challenge(browser):
    return browser.session[SESSION_KEY]["challenge_id"]


@pytest.fixture
def later(stack):
    """Let a minute and a bit pass for what is stored of an address."""

    def pass_by(seconds=61):
        by = f"interval '{seconds} seconds'"
        stack.rows(
            f"UPDATE sespan.otp_challenge SET sent_at = sent_at - {by},"
            f" created_at = created_at - {by}, valid_until = valid_until - {by}"
        )
        stack.rows(
            f"UPDATE sespan.budget SET used_at = ARRAY(SELECT u - {by} FROM unnest(used_at) AS u)"
        )

    return pass_by


def test_an_attacker_never_gets_the_victims_code(name, sink, later):
    """Registered anew by somebody else: each code opens the account with its own password only."""
    victim, attacker = Client(), Client()
    address = register(victim, name)
    first = code_in(sink.wait(address))
    later()
    register(attacker, f"{name}-evil", email=address, **passwords(OTHER))
    second = code_in(sink.wait(address, 2))
    user = User.objects.get(email=address)
    assert (user.username, user.check_password(OTHER)) == (f"{name}-evil", True)

    # The victim types what came by mail: neither code opens what the attacker has filled in.
    for code in (first, second):
        page = victim.post(CODE_URL, {"code": code})
        assert "registered anew" in page.text
        assert "Register again" in page.text
    assert "registered anew" in victim.post(RESEND_URL, follow=True).text
    with pytest.raises(OTPExpired):
        get_client().otp_verify(challenge(victim), first)
    user.refresh_from_db()
    assert not user.is_active

    later()
    register(victim, name)
    third = code_in(sink.wait(address, 3))
    assert "registered anew" in attacker.post(CODE_URL, {"code": third}).text
    enter(victim, third)
    user.refresh_from_db()
    assert (user.username, user.is_active) == (name, True)
    assert user.check_password(PASSWORD)
    # The challenge is verified; that opens nothing for the attacker's session either.
    attacker.post(CODE_URL, {"code": third})
    assert "_auth_user_id" not in attacker.session


def test_replaced_within_the_minute_waits_and_then_gets_its_own_code(name, sink, later):
    first, second = Client(), Client()
    address = register(first, name)
    old = code_in(sink.wait(address))
    form = {"username": name, "email": address, **passwords(OTHER)}
    assert re.search(r"wait \d\d seconds", second.post("/account/register/", form).text)
    assert User.objects.get(username=name).check_password(PASSWORD), "no mail, so no change"
    later()
    register(second, name, **passwords(OTHER))
    assert "4 tries" in second.post(CODE_URL, {"code": old}).text
    enter(second, code_in(sink.wait(address, 2)))
    assert User.objects.get(username=name).check_password(OTHER)


def test_a_verification_and_a_replacement_at_once(name, sink, stack, later):
    """Whoever comes second finds it done: the code is used, or the registration is replaced."""
    victim, attacker = Client(), Client()
    address = register(victim, name)
    code = code_in(sink.wait(address))
    later()
    start, answers = threading.Barrier(2), {}

    def run(who, act):
        start.wait(10)
        try:
            answers[who] = act()
        finally:
            connection.close()

    threads = [
        threading.Thread(
            target=run,
            args=("verify", lambda: victim.post(CODE_URL, {"code": code})),
        ),
        threading.Thread(
            target=run,
            args=(
                "replace",
                lambda: attacker.post(
                    "/account/register/",
                    {"username": f"{name}x", "email": address, **passwords(OTHER)},
                ),
            ),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    user = User.objects.get(email=address)
    assert user.is_active == user.check_password(PASSWORD), "active with its own password only"
    assert user.is_active == ("_auth_user_id" in victim.session)
    assert answers["verify"].status_code in {200, 302}
    assert answers["replace"].status_code in {200, 302, 503}


def test_granting_the_right_holds_the_locks_until_the_site_commits(name, sink, stack):
    """Between otp_register and the site's commit no verification gets through."""
    browser = Client()
    address = register(browser, name)
    code, user = code_in(sink.wait(address)), User.objects.get(username=name)
    with psycopg.connect(stack.database_url(superuser=False)) as site:
        site.execute("SELECT sespan.otp_register(%s)", [user.pk])
        page = browser.post(CODE_URL, {"code": code})
        assert page.status_code == 503
        assert "could not check" in page.text
        site.rollback()
    enter(browser, code)


def test_an_account_is_not_revealed_to_the_visitor_and_its_owner_is_notified(name, sink):
    User.objects.create_user(f"{name}-known", f"{name}@example.com", PASSWORD)
    browser = Client()
    address = register(browser, name, **passwords(OTHER))
    told = sink.wait(address).message
    assert "account" in told["Subject"]
    for left in ("4 tries", "3 tries"):
        assert left in browser.post(CODE_URL, {"code": "123456"}).text
    register(browser, name, **passwords(OTHER))
    elsewhere = Client()
    answer = elsewhere.post("/sespan-login/", {"username": name, "password": OTHER})
    assert answer["Location"] == CODE_URL, "what they registered can be gone on with"
    assert "3 tries" not in elsewhere.get(CODE_URL).text
    assert "tries" in elsewhere.post(CODE_URL, {"code": "123456"}).text
    assert User.objects.filter(email=address).count() == 1
    assert len(sink.to(address)) == 1, "once a minute, like a code"


def test_login_goes_on_with_the_code_that_is_under_way(name, sink, runtime):
    address = register(Client(), name)
    code = code_in(sink.wait(address))
    elsewhere = Client()
    answer = elsewhere.post("/sespan-login/", {"username": name, "password": PASSWORD})
    assert answer["Location"] == CODE_URL
    assert "not confirmed yet" in elsewhere.get(CODE_URL).text
    enter(elsewhere, code)
    assert len(sink.to(address)) == 1, "the code that was under way was enough"
    assert runtime.login_queue.drain(10)
    user = User.objects.get(username=name)
    outcomes = ApiLog.objects.filter(request_type="Login").order_by("time_requested")
    mine = [row.outcome for row in outcomes if name in row.request_body]
    assert mine == ["failure", "success"]
    assert user.is_active


def test_another_browser_gives_the_registrations_password(name, sink):
    address = register(Client(), name)
    code = code_in(sink.wait(address))
    elsewhere = Client()
    assert elsewhere.get(CODE_URL)["Location"] == RESUME_URL
    wrong = elsewhere.post(RESUME_URL, {"email": address, "password": OTHER})
    assert "waits for a code" in wrong.text
    answer = elsewhere.post(RESUME_URL, {"email": address.upper(), "password": PASSWORD})
    assert answer["Location"] == CODE_URL
    enter(elsewhere, code)


def test_the_session_is_lost_while_the_service_is_away(stack, name, sink):
    """The mark is in the site's own transaction: a later login still gets a code."""
    stack.stop_service()
    try:
        browser = Client()
        address = register(browser, name)
        assert "could not send" in browser.get(CODE_URL).text
    finally:
        stack.start_service()
    user = User.objects.get(username=name)
    assert Registrations().right(user) == "live"
    browser = Client()
    browser.post("/sespan-login/", {"username": name, "password": PASSWORD})
    enter(browser, code_in(sink.wait(address)))


def test_password_reset_before_the_code(name, sink, settings, later):
    first = Client()
    address = register(first, name)
    code = code_in(sink.wait(address))
    browser = Client()
    later()
    browser.post("/reset/", {"email": address})
    link = re.search(r"http://testserver(/\S+)", sink.wait(address, 2).message.get_content())
    form = browser.get(link.group(1), follow=True)
    changed = {"new_password1": OTHER, "new_password2": OTHER}
    browser.post(form.redirect_chain[-1][0], changed)
    assert not User.objects.get(username=name).is_active, "a reset does not activate"
    assert "registered anew" in first.post(CODE_URL, {"code": code}).text
    answer = browser.post("/sespan-login/", {"username": name, "password": OTHER})
    assert answer["Location"] == CODE_URL
    enter(browser, code)


def test_code_first(name, sink, stack):
    browser, address = Client(), f"{name}@example.com"
    form = {"username": name, "email": address, **passwords(PASSWORD)}
    assert browser.post("/code-first/", form)["Location"] == CODE_URL
    assert not User.objects.filter(username=name).exists()
    code = code_in(sink.wait(address))
    sealed = (
        "SELECT sealed_data IS NOT NULL FROM sespan.otp_challenge WHERE challenge_id = %s",
        [challenge(browser)],
    )
    assert stack.rows(*sealed) == [(True,)]
    enter(browser, code)
    user = User.objects.get(username=name)
    assert user.is_active
    assert user.check_password(PASSWORD)
    assert browser.get("/home/").text == f"hello {name}"
    rows = stack.rows("SELECT request_body, response_body FROM sespan.api_log_full")
    assert not [row for row in rows if user.password[:20] in f"{row}"], "no hash in the log"
    assert stack.rows(*sealed) == [(False,)]


def test_code_first_for_an_address_with_an_account(name, sink):
    User.objects.create_user(f"{name}-known", f"{name}@example.com", PASSWORD)
    browser, address = Client(), f"{name}@example.com"
    form = {"username": name, "email": address, **passwords(OTHER)}
    assert browser.post("/code-first/", form)["Location"] == CODE_URL
    assert "account" in sink.wait(address).message["Subject"]
    assert "4 tries" in browser.post(CODE_URL, {"code": "123456"}).text


def test_unused_registrations_are_found(name, sink, stack):
    address = register(Client(), name)
    sink.wait(address)
    user = User.objects.get(username=name)
    stack.rows(
        "UPDATE sespan.otp_activation SET granted_at = now() - interval '8 days'"
        " WHERE customer_id = %s",
        [user.pk],
    )
    week = timezone.now() - timedelta(days=7)
    assert user.pk in list(Registrations().unused(week))


@pytest.fixture
def unbound(stack):
    """A binding that is gone for a while; gives the function that brings it back."""
    columns = json.dumps(stack.rows("SELECT columns FROM sespan.customer_binding")[0][0])
    table = "'public.auth_user'::regclass"

    def bind():
        stack.rows(f"SELECT sespan.customer_bind({table}, %s::jsonb)", [columns])
        stack.rows(f"SELECT sespan.customer_reference({table}, 'id')")
        stack.rows("SELECT sespan.customer_reference_validate()")

    stack.rows("SELECT sespan.customer_unbind()")
    try:
        yield bind
    finally:
        bind()


def test_a_stale_binding(unbound, name, sink):
    """A customer made now could never be activated: none is made."""
    browser = Client()
    form = {"username": name, "email": f"{name}@example.com", **passwords(PASSWORD)}
    page = browser.post("/account/register/", form)
    assert (page.status_code, "nothing was kept" in page.text) == (503, True)
    assert not User.objects.filter(username=name).exists()
    unbound()
    address = register(browser, name)
    enter(browser, code_in(sink.wait(address)))


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_site_whose_clock_is_off_by_a_minute(name, sink, monkeypatch, seconds):
    user = User.objects.create_user(name, f"{name}@example.com", PASSWORD)
    ORDERS[f"{name}-1"] = (user.pk, Decimal("5.00"))
    browser, real, now = Client(), time.time, timezone.now
    browser.force_login(user)
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(seconds=seconds))
    permit = browser.post("/account/checkout-token/", {"order_ref": f"{name}-1"}).json()
    assert ajax(permit).status_code == 201
    new = Client()
    address = register(new, f"{name}-new")
    page = new.post(RESEND_URL, follow=True).text
    assert re.search(r"wait \d\d seconds", page)
    assert re.search(r'data-seconds="[4-6]\d"', page)
    enter(new, code_in(sink.wait(address)))
