"""How a site's typed tests use the bridge: checked by mypy --strict, never run."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import assert_type

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.test import TestCase

from django_sespan import aio, checkout, errors, login_code, registration
from django_sespan.client import Client, Key, NewKey, TransactionStats, get_client
from django_sespan.testing import CodeSent, Order, SespanTesting, SespanTestMixin, current


class Typed(SespanTestMixin, TestCase):
    def test_it(self) -> None:
        assert_type(self.sespan, SespanTesting)
        assert_type(self.sespan.outbox, list[CodeSent])
        assert_type(self.sespan.outbox[-1].customer_id, str | None)


def test_it(sespan: SespanTesting) -> None:
    sespan.win("0.1")
    sespan.rule = half_above_a_hundred
    sespan.fail(errors.SespanUnavailable, times=None, on="otp")
    sespan.fail(errors.OTPLocked("full", retry_after=60))
    with sespan.failing(errors.SespanUnavailable):
        pass
    sespan.advance(60)
    sespan.stats.orders_per_day = 120
    figures = get_client().as_staff("token").stats_transactions(since=date(2026, 11, 1))
    assert_type(figures, TransactionStats)
    assert_type(figures.total.discount, Decimal)
    made = get_client().as_staff("token").key_create(role="report", name="laptop", own=True)
    assert_type(made, NewKey)
    assert_type(get_client().as_staff("token").keys(), list[Key])
    assert_type(sespan.code("budi@example.com"), str)
    assert_type(current(), SespanTesting)


def half_above_a_hundred(order: Order) -> Decimal | None:
    return Decimal("0.5") if order.amount > Decimal(100) else None


def sign_up(request: HttpRequest, form: Form) -> HttpResponse:
    assert_type(registration.begin(request, form, next_url="/cart/"), HttpResponse | None)
    assert_type(checkout.try_price(None, "A1", "100"), checkout.Draw | None)
    return login_code.begin(request, "a@example.com")


async def view() -> checkout.Draw:
    assert_type(get_client(), Client)
    challenge = await aio.call(get_client().otp_create, purpose="login", email="a@example.com")
    assert_type(challenge.challenge_id, str)
    return await aio.price(7, "A1", "100")
