"""The fixture, with plain functions."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User

from django_sespan.client import get_client
from django_sespan.errors import UnknownTransaction
from django_sespan.testing import SespanTesting
from shop.tests.path import enter, register


@pytest.mark.django_db
def test_from_the_form_to_the_discount(client, sespan: SespanTesting):
    register(client)
    assert [sent.email for sent in sespan.outbox] == ["Budi@example.com"]
    assert enter(client, sespan.code("budi@example.com"))["Location"] == "/home/"
    sespan.win("0.1")
    assert client.get("/pay/A1/").text == "180.00"
    assert [login.outcome for login in sespan.logins] == ["success"]


@pytest.mark.django_db
def test_a_cancelled_order(client, sespan):
    register(client)
    enter(client, sespan.code())
    sespan.win("0.1")
    client.get("/pay/A1/")
    first = get_client().cancel(1)
    assert (first.order_ref, first.discount, first.discounted) == ("A1", 20, True)
    assert first.cancelled_at is not None
    assert get_client().cancel(1) == first
    with pytest.raises(UnknownTransaction):
        get_client().cancel(2)
    assert client.get("/pay/A1/").text == "180.00"


@pytest.mark.django_db
def test_five_guesses_then_a_new_code(client, sespan):
    register(client)
    for _ in range(5):
        enter(client, sespan.wrong_code())
    assert enter(client, sespan.code()).status_code == 200
    assert not User.objects.get().is_active
    sespan.advance(60)
    client.post("/account/code/resend/")
    assert len(sespan.outbox) == 2
    assert enter(client, sespan.code())["Location"] == "/home/"


@pytest.mark.django_db(transaction=True)
def test_real_commits(client, sespan):
    register(client)
    assert enter(client, sespan.code())["Location"] == "/home/"


@pytest.mark.django_db
def test_afresh(sespan):
    assert (sespan.outbox, sespan.calls) == ([], [])


def test_no_database_and_no_threads(sespan):
    assert not [t for t in threading.enumerate() if "sespan" in t.name]
