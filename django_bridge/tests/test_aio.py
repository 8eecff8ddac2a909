"""Async views go on while Sespan is slow; and nothing needs a request."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, alogin
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db import connection, connections, transaction
from django.http import HttpRequest

from django_sespan import aio, checkout, errors, signals
from django_sespan.client import get_client
from django_sespan.client_ip import client_ip

TIMEOUT = 30


class Slow:
    """A service that answers only after the event loop has turned meanwhile."""

    def __init__(self, sespan):
        self.loop = asyncio.get_running_loop()
        self.asked = asyncio.Event()
        self.released = threading.Event()
        self.in_time = None
        sespan.on_call = self.answer

    def answer(self, request, body):
        self.loop.call_soon_threadsafe(self.asked.set)
        self.in_time = self.released.wait(TIMEOUT)

    async def turn(self):
        await asyncio.wait_for(self.asked.wait(), TIMEOUT)
        self.released.set()


def test_the_event_loop_is_not_blocked_while_the_service_is_slow(sespan):
    async def view():
        slow = Slow(sespan)
        draw, _ = await asyncio.gather(aio.price(7, "A1", "100"), slow.turn())
        return slow.in_time, draw

    in_time, draw = async_to_sync(view)()
    assert in_time
    assert (draw.discounted, draw.discounted_amount) == (True, Decimal(90))


def test_any_call_of_the_client(sespan):
    async def view():
        slow = Slow(sespan)
        call = aio.call(get_client().otp_create, purpose="login", email="budi@example.com")
        challenge, _ = await asyncio.gather(call, slow.turn())
        return slow.in_time, challenge

    in_time, challenge = async_to_sync(view)()
    assert in_time
    assert challenge.challenge_id in sespan.challenges


def test_the_same_checks_as_in_a_plain_view(sespan):
    for wrong, error in ((("a b", "100"), ValueError), (("A1", 1.5), TypeError)):
        with pytest.raises(error):
            async_to_sync(aio.price)(7, *wrong)
    assert sespan.calls == []
    async_to_sync(aio.price)(7, "A1", "100")
    with pytest.raises(errors.OrderConflict):
        async_to_sync(aio.price)(7, "A1", "200")


def test_receivers_run_where_django_runs_queries(sespan, db, caplog):
    """A receiver's connection is the one that Django looks after."""
    seen = []

    def receiver(draw, **_):
        seen.append((draw.discounted_amount, connection.connection is before))

    def broken(**_):
        raise RuntimeError("the receiver's own")

    connection.ensure_connection()
    before = connection.connection
    signals.transaction_drawn.connect(receiver)
    signals.transaction_drawn.connect(broken)
    try:
        async_to_sync(aio.price)(7, "A1", "100")
    finally:
        signals.transaction_drawn.disconnect(receiver)
        signals.transaction_drawn.disconnect(broken)
    assert seen == [(Decimal(90), True)]
    assert "the receiver's own" in caplog.text


def test_no_connection_is_opened_beside_the_loop(sespan, db):
    opened = []

    def look(request, body):
        opened.extend(connections.all(initialized_only=True))

    sespan.on_call = look
    async_to_sync(aio.price)(7, "A1", "100")
    assert opened == []


@pytest.mark.django_db(transaction=True)
def test_async_logins_are_reported(sespan, runtime):
    user = User.objects.create_user("budi", "budi@example.com", "right password 1")

    async def view():
        request = HttpRequest()
        request.META["REMOTE_ADDR"] = "203.0.113.9"
        request.session = SessionStore()
        await alogin(request, user, backend="django.contrib.auth.backends.ModelBackend")
        await aauthenticate(request, username="budi", password="wrong")

    async_to_sync(view)()
    assert runtime.login_queue.drain(TIMEOUT)
    assert [(r["outcome"], r["ip"]) for r in sespan.logins] == [
        ("success", "203.0.113.9"),
        ("failure", "203.0.113.9"),
    ]


def test_in_memory_it_runs_where_django_runs_queries(settings, db):
    from django_sespan.testing import current

    settings.SESPAN = {**settings.SESPAN, "FAKE": True}
    User.objects.create_user("budi", "budi@example.com", "x")
    current().reset()
    create = get_client().otp_create
    async_to_sync(aio.call)(create, purpose="login", email="budi@example.com")
    assert [sent.email for sent in current().outbox] == ["budi@example.com"]


@pytest.mark.django_db(transaction=True)
class TestWithoutARequest:
    """As in a command or a cron job."""

    def test_logins(self, sespan, runtime):
        user = User.objects.create_user("budi", "budi@example.com", "x")
        user_logged_in.send(sender=User, request=None, user=user)
        user_login_failed.send(sender=__name__, credentials={"username": "budi"}, request=None)
        user_login_failed.send(sender=__name__, credentials={})
        assert runtime.login_queue.drain(TIMEOUT)
        assert sespan.logins == [
            {
                "customer_id": str(user.pk),
                "customer_table": "public.auth_user",
                "username": "budi",
                "outcome": "success",
            },
            {"username": "budi", "outcome": "failure"},
            {"username": "", "outcome": "failure"},
        ]

    def test_price_and_codes(self, sespan):
        assert client_ip(None) is None
        assert checkout.price(7, "A1", "100", client_ip=client_ip(None)).discounted
        get_client().otp_create(purpose="login", email="budi@example.com", client_ip=None)
        assert not any("sespan-client-ip" in headers for *_, headers in sespan.calls)

    def test_an_open_transaction_is_refused_all_the_same(self, sespan):
        with transaction.atomic(), pytest.raises(errors.InsideTransaction):
            checkout.price(7, "A1", "100")
        assert sespan.calls == []
