"""What comes in between, made to come at the worst moment."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from django_sespan._internal.flows import register as flow
from django_sespan._internal.flows import verify_code
from django_sespan._internal.flows.pending_code import SESSION_KEY
from registrants import CODE_URL, EMAIL, OTHER, PASSWORD, REGISTER_URL, form

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


def until(condition, waiting):
    """Wait on another thread's step in the database, which sends no signal."""
    for _ in range(3000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came to that")


def awaits_an_address():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone() is not None


def test_a_second_registration_waits_for_the_first_one_to_commit(sespan, monkeypatch):
    original, inside, go_on = flow._create, threading.Event(), threading.Event()

    def slowly(request, form):
        user = original(request, form)
        inside.set()
        assert go_on.wait(60)
        return user

    monkeypatch.setattr(flow, "_create", slowly)
    browsers = [Client(), Client()]

    def submit(browser, name):
        try:
            assert browser.post(REGISTER_URL, form(name)).status_code == 302
        finally:
            connection.close()

    first = threading.Thread(target=submit, args=(browsers[0], "one"))
    second = threading.Thread(target=submit, args=(browsers[1], "two"))
    first.start()
    assert inside.wait(60)
    second.start()
    try:
        until(awaits_an_address, threading.Event())
    finally:
        go_on.set()
        first.join(60)
        second.join(60)
    user = User.objects.get(email=EMAIL)
    assert user.username == "two", "the same password: the newest form"
    assert len(sespan.outbox) == 1
    for browser in browsers:
        assert browser.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"


@pytest.mark.parametrize("password", [PASSWORD, OTHER])
def test_verified_just_before_it_is_replaced(client, sespan, monkeypatch, password):
    """An account that has become active keeps its password, its data and its activity."""
    client.post(REGISTER_URL, form())
    registrations = type(sespan.registrations)
    step = "right" if password == PASSWORD else "supersede"
    original = getattr(registrations, step)

    def verified_meanwhile(self, user):
        answer = original(self, user)
        User.objects.filter(pk=user.pk).update(is_active=True)
        return answer

    monkeypatch.setattr(registrations, step, verified_meanwhile)
    other = Client()
    assert other.post(REGISTER_URL, form("evil", password=password))["Location"] == CODE_URL
    user = User.objects.get()
    assert (user.username, user.is_active, user.check_password(PASSWORD)) == ("budi", True, True)
    assert other.session[SESSION_KEY]["registered"] is False


def test_replaced_just_after_the_code_was_right(client, sespan, monkeypatch):
    """The answer belongs to a password that is not the account's any more: nobody is logged in."""
    client.post(REGISTER_URL, form())
    original = verify_code._ask

    def reset_meanwhile(*args):
        answer = original(*args)
        user = User.objects.get()
        user.set_password(OTHER)
        user.save()
        return answer

    monkeypatch.setattr(verify_code, "_ask", reset_meanwhile)
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/login/"
    assert "_auth_user_id" not in client.session


def test_replaced_while_a_code_is_asked_for(client, sespan, monkeypatch):
    """The older session ends up with the newer registration's challenge, and cannot use it."""
    client.post(REGISTER_URL, form())
    sespan.advance(61)
    from django_sespan._internal.flows import send_code

    original = send_code.check_session
    newer = Client()

    def replaced_meanwhile(pending):
        user = original(pending)
        monkeypatch.undo()
        newer.post(REGISTER_URL, form("newer", password=OTHER))
        return user

    monkeypatch.setattr(send_code, "check_session", replaced_meanwhile)
    session = client.session
    session[SESSION_KEY]["challenge_id"] = None
    session.save()
    client.post("/account/code/resend/")
    assert client.session[SESSION_KEY]["challenge_id"] == newer.session[SESSION_KEY]["challenge_id"]
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert "registered anew" in page.text
    assert not User.objects.get().is_active
    assert newer.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"


def test_changed_by_somebody_else_while_it_was_replaced(client, sespan, monkeypatch):
    client.post(REGISTER_URL, form())
    registrations = type(sespan.registrations)
    original = registrations.supersede

    def reset_meanwhile(self, user):
        answer = original(self, user)
        changed = User.objects.get(pk=user.pk)
        changed.set_password("the owner's own 6")
        changed.save()
        return answer

    monkeypatch.setattr(registrations, "supersede", reset_meanwhile)
    page = Client().post(REGISTER_URL, form("evil", password=OTHER))
    assert page.status_code == 503
    assert "nothing was kept" in page.text
    assert User.objects.get().username == "budi"
