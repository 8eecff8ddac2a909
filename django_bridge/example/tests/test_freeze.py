from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from orders.cart import CartLine
from orders.flows.freeze import freeze
from orders.models import PRICES_HELD_FOR, Order, State


def test_checkout_needs_a_login(client, product):
    client.post(f"/cart/add/{product.pk}/", {"quantity": 1})
    assert client.post("/checkout/").url == "/account/login/?next=/checkout/"


def test_get_freezes_nothing(shopper, product):
    shopper.post(f"/cart/add/{product.pk}/", {"quantity": 1})
    assert shopper.get("/checkout/").url == "/cart/"
    assert not Order.objects.exists()


def test_empty_cart_freezes_nothing(shopper):
    assert shopper.post("/checkout/").url == "/cart/"
    assert not Order.objects.exists()


def test_same_cart_is_the_same_order(customer, product):
    first = freeze(customer, [CartLine(product, 2)])
    assert freeze(customer, [CartLine(product, 2)]) == first
    assert first.amount == Decimal("200000.00")


def test_another_cart_replaces_the_open_order(customer, product, make_product):
    first = freeze(customer, [CartLine(product, 2)])
    second = freeze(customer, [CartLine(product, 1), CartLine(make_product("mug", 50_000), 1)])
    first.refresh_from_db()
    assert (first.state, second.state) == (State.CANCELLED, State.OPEN)
    assert second.amount == Decimal("150000.00")


def test_new_price_is_a_new_order(customer, product):
    first = freeze(customer, [CartLine(product, 1)])
    product.price = 90_000
    product.save()
    second = freeze(customer, [CartLine(product, 1)])
    first.refresh_from_db()
    assert (first.amount, second.amount) == (Decimal(100_000), Decimal(90_000))


def test_prices_are_held_for_a_day_only(customer, product):
    first = freeze(customer, [CartLine(product, 1)])
    Order.objects.update(created_at=first.created_at - PRICES_HELD_FOR - timedelta(seconds=1))
    assert freeze(customer, [CartLine(product, 1)]) != first


def test_next_order_remembers_the_address(customer, product, address):
    old = freeze(customer, [CartLine(product, 1)])
    Order.objects.filter(pk=old.pk).update(
        state=State.PLACED, discounted_amount=old.amount, **address
    )
    again = freeze(customer, [CartLine(product, 1)])
    assert again.pk != old.pk
    assert again.street == address["street"]


@pytest.mark.django_db(transaction=True)
def test_two_tabs_make_one_order(customer, product, make_product):
    other = make_product("mug")
    start, errors = threading.Barrier(6), []

    def tab(line):
        try:
            start.wait(10)
            freeze(customer, [line])
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    lines = [CartLine(product, 1), CartLine(other, 1)] * 3
    threads = [threading.Thread(target=tab, args=[line]) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []
    assert Order.objects.filter(state=State.OPEN).count() == 1
