"""A checkout that goes on without Sespan: the full price, a line in the log, and never a 500."""

from __future__ import annotations

from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from django_sespan import aio, checkout, errors

pytestmark = pytest.mark.django_db(transaction=True)

OURS = [
    errors.SespanUnavailable,
    errors.SespanDisabled,
    errors.SespanInvalidResponse,
    errors.SespanMisconfigured,
    errors.CustomerTableMismatch,
    errors.SespanRefused,
    errors.OrderConflict,
]
TRIES = {"plain": checkout.try_price, "async": async_to_sync(aio.try_price)}


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


@pytest.fixture(params=TRIES.values(), ids=TRIES)
def try_price(request):
    return request.param


@pytest.fixture
def budi():
    return User.objects.create_user("budi", "budi@example.com", "x")


def test_a_draw(sespan, budi, try_price):
    sespan.win("0.1")
    draw = try_price(budi.pk, "basket-1-100", "100")
    assert draw.discounted_amount == Decimal(90)
    assert checkout.price(budi.pk, "basket-1-100", "100").transaction_id == draw.transaction_id


@pytest.mark.parametrize("error", OURS)
def test_without_an_answer_the_order_goes_through(sespan, budi, try_price, error, caplog):
    sespan.win("0.1")
    with sespan.failing(error):
        assert try_price(budi.pk, "basket-1-100", "100") is None
    assert "basket-1-100" in caplog.text
    # The order keeps its draw: what it would have cost is told later.
    assert checkout.price(budi.pk, "basket-1-100", "100").discounted_amount == Decimal(90)


def test_a_guest_is_not_drawn(sespan, try_price):
    assert try_price(AnonymousUser().pk, "basket-1-100", "100") is None
    assert sespan.calls == []


@pytest.mark.parametrize("off", ["-1", "1.5"])
def test_an_impossible_price_is_not_charged(sespan, budi, try_price, off, monkeypatch, caplog):
    sespan.win("0.1")
    real = checkout.price(budi.pk, "basket-1-100", "100")
    wrong = real.__class__(**vars(real) | {"discounted_amount": Decimal(100) * (1 - Decimal(off))})
    monkeypatch.setattr(checkout.get_client(), "draw", lambda **_: wrong)
    assert try_price(budi.pk, "basket-1-100", "100") is None
    assert "impossible price" in caplog.text


def test_what_the_site_does_wrong_is_raised(budi, try_price):
    """It is no outage, and the shop's developer must hear of it."""
    for odd in ("a b", ""):
        with pytest.raises(ValueError, match="order_ref"):
            try_price(budi.pk, odd, "100")
    with pytest.raises(TypeError):
        try_price(budi.pk, "A1", 1.5)
    with transaction.atomic(), pytest.raises(errors.InsideTransaction):
        checkout.try_price(budi.pk, "A1", "100")
