from __future__ import annotations

import json
import threading
from datetime import timedelta
from decimal import Decimal

import httpx
import jwt
import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from accounts.models import Customer
from django_sespan.client import Client as SespanClient
from django_sespan.testing import override
from orders.models import PRICES_HELD_FOR, Order, State

pytestmark = pytest.mark.django_db


def draws(sespan):
    return [call for call in sespan.calls if call[1] == "/v1/transactions"]


def test_page_offers_the_draw(check_out, product, shopper):
    order = check_out(product, 2)
    page = shopper.get(f"/checkout/{order.order_ref}/").content.decode()
    assert f'data-order-ref="{order.order_ref}"' in page
    assert 'data-token-url="/account/checkout-token/"' in page
    assert "drawn when you place the order" in page  # what is read without JavaScript
    assert 'name="amount"' not in page


def test_token_carries_the_frozen_amount(check_out, product, shopper, signing_key):
    order = check_out(product, 2)
    body = {"order_ref": order.order_ref, "amount": "1", "transaction_amount": "1"}
    response = shopper.post("/account/checkout-token/", body)
    token = response.json()["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["order_ref"], claims["amount"]) == (
        str(order.customer_id),
        order.order_ref,
        "200000.00",
    )
    assert response.headers["Cache-Control"] == "no-store"


def test_token_only_for_the_owner_of_an_open_order(
    check_out, product, shopper, client, signing_key
):
    order = check_out(product)
    other = Client()
    url, body = "/account/checkout-token/", {"order_ref": order.order_ref}
    assert other.post(url, body).status_code == 401
    other.force_login(Customer.objects.create_user("a@example.com", "a", "x"))
    assert other.post(url, body).status_code == 404
    assert shopper.post(url, body).status_code == 200
    Order.objects.update(created_at=order.created_at - PRICES_HELD_FOR - timedelta(seconds=1))
    assert shopper.post(url, body).status_code == 404


def test_the_server_asks_for_the_price(check_out, product, shopper, address, sespan):
    order = check_out(product, 2)
    response = shopper.post(f"/checkout/{order.order_ref}/", address)
    assert response.url == f"/orders/{order.order_ref}/"
    order.refresh_from_db()
    assert (order.state, order.discounted_amount) == (State.PLACED, Decimal("160000.00"))
    assert order.transaction_id == 1001
    assert (order.recipient, order.postal_code) == ("Budi Santoso", "40115")
    product.refresh_from_db()
    assert product.stock == 8
    assert "cart" not in shopper.session or shopper.session["cart"] == {}
    (call,) = draws(sespan)
    assert call[2]["transaction_amount"] == "200000.00"
    assert call[3]["Sespan-Client-Ip"] == "127.0.0.1"


@pytest.mark.parametrize(
    "tampering",
    [
        {"amount": "1"},
        {"discounted_amount": "1", "transaction_id": "7", "state": "shipped"},
        {"transaction_amount": "1", "price": "0", "discount": "1.0", "customer": "2"},
    ],
)
def test_prices_from_the_browser_are_ignored(
    check_out, product, shopper, address, sespan, tampering
):
    order = check_out(product)
    shopper.post(f"/checkout/{order.order_ref}/", {**address, **tampering})
    order.refresh_from_db()
    assert (order.amount, order.discounted_amount) == (Decimal(100_000), Decimal(80_000))
    assert (order.transaction_id, order.state) == (1001, State.PLACED)
    assert draws(sespan)[0][2]["transaction_amount"] == "100000.00"


def test_lost_draw_costs_the_full_price(check_out, product, shopper, address, sespan):
    sespan.share = Decimal(1)
    order = check_out(product)
    page = shopper.post(f"/checkout/{order.order_ref}/", address, follow=True).content.decode()
    order.refresh_from_db()
    assert order.discounted_amount == order.amount
    assert "Discount" not in page


def test_frozen_price_outlives_a_price_change(check_out, product, shopper, address):
    order = check_out(product)
    product.price = 999_000
    product.save()
    page = shopper.get(f"/checkout/{order.order_ref}/").content.decode()
    assert "999.000" not in page
    shopper.post(f"/checkout/{order.order_ref}/", address)
    order.refresh_from_db()
    assert order.discounted_amount == Decimal(80_000)


def test_wrong_address_asks_for_nothing(check_out, product, shopper, address, sespan):
    order = check_out(product)
    wrong = {**address, "postal_code": "4011", "phone_number": "call me", "payment": "gold"}
    response = shopper.post(f"/checkout/{order.order_ref}/", wrong)
    assert response.status_code == 422
    page = response.content.decode()
    assert 'aria-describedby="id_postal_code_error"' in page
    assert 'id="id_postal_code_error"' in page
    assert "five digits" in page
    assert Order.objects.get().state == State.OPEN
    assert draws(sespan) == []


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(503, content=b"{}", headers={"Retry-After": "1"}),
        httpx.Response(200, json={"transaction_id": 1, "discounted": True}),
    ],
    ids=["down", "slow", "not-sespan", "busy", "half"],
)
def test_no_price_no_order_and_a_second_try(check_out, product, shopper, address, sespan, failure):
    order = check_out(product)
    sespan.fail = [failure, failure]
    asks_about_the_full_price(shopper.post(f"/checkout/{order.order_ref}/", address))
    order.refresh_from_db()
    product.refresh_from_db()
    assert (order.state, order.discounted_amount, product.stock) == (State.OPEN, None, 10)
    sespan.fail = []
    shopper.post(f"/checkout/{order.order_ref}/", address)
    assert Order.objects.get().discounted_amount == Decimal(80_000)


def asks_about_the_full_price(response):
    assert response.status_code == 200
    page = response.content.decode()
    assert "nothing is ordered yet" in page
    assert "full price of Rp\N{NO-BREAK SPACE}100.000" in page
    assert 'name="without_discount"' in page
    assert "Jl. Kenanga 5" in page  # nothing has to be typed again


def test_the_full_price_is_the_customers_choice(check_out, product, shopper, address, sespan):
    order = check_out(product)
    url, chosen = f"/checkout/{order.order_ref}/", {**address, "without_discount": "yes"}
    assert 'name="without_discount"' not in shopper.get(url).content.decode()
    sespan.fail = [httpx.ConnectError("refused")] * 4
    asks_about_the_full_price(shopper.post(url, address))
    answer = shopper.post(url, chosen)
    assert answer.url == f"/orders/{order.order_ref}/"
    order.refresh_from_db()
    assert (order.state, order.discounted_amount) == (State.PLACED, order.amount)
    assert order.transaction_id is None
    assert "To pay: Rp\N{NO-BREAK SPACE}100.000" in mail.outbox[0].body


def test_who_takes_the_full_price_still_gets_the_discount(check_out, product, shopper, address):
    order = check_out(product)
    chosen = {**address, "without_discount": "yes"}
    shopper.post(f"/checkout/{order.order_ref}/", chosen)
    order.refresh_from_db()
    assert (order.discounted_amount, order.transaction_id) == (Decimal(80_000), 1001)


@pytest.mark.parametrize("amount", ["100000.01", "-1.00", "NaN", "1e9"])
def test_impossible_price_is_refused(check_out, product, shopper, address, sespan, amount):
    order = check_out(product)
    answer = {
        "transaction_id": 5,
        "tier_id": 1,
        "discounted": True,
        "transaction_amount": "100000.00",
        "discounted_amount": amount,
        "transaction_time": "2026-01-01T00:00:00Z",
    }
    sespan.fail = [
        httpx.Response(
            201, content=json.dumps(answer), headers={"Content-Type": "application/json"}
        )
    ]
    asks_about_the_full_price(shopper.post(f"/checkout/{order.order_ref}/", address))
    assert Order.objects.get().state == State.OPEN


def test_without_sespan_the_price_is_full(check_out, product, shopper, address, settings, sespan):
    order = check_out(product)
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False}
    with override(client=SespanClient.from_settings(transport=sespan.transport())):
        shopper.post(f"/checkout/{order.order_ref}/", address)
    order.refresh_from_db()
    assert (order.state, order.discounted_amount) == (State.PLACED, order.amount)
    assert order.transaction_id is None


def test_sold_meanwhile(check_out, product, shopper, address, sespan):
    order = check_out(product, 2)
    product.stock = 1
    product.save()
    response = shopper.post(f"/checkout/{order.order_ref}/", address, follow=True)
    assert "Not enough left" in response.content.decode()
    assert Order.objects.get().state == State.OPEN
    assert draws(sespan) == []


def test_sold_while_the_price_was_asked(check_out, product, shopper, address, sespan):
    order = check_out(product, 2)

    def sell(request, body):
        product.stock = 1
        product.save()

    sespan.on_call = sell
    response = shopper.post(f"/checkout/{order.order_ref}/", address, follow=True)
    assert "Not enough left" in response.content.decode()
    product.refresh_from_db()
    assert (Order.objects.get().state, product.stock) == (State.OPEN, 1)


def test_back_button_after_placing(check_out, product, shopper, address, sespan):
    order = check_out(product)
    url = f"/checkout/{order.order_ref}/"
    shopper.post(url, address)
    assert "no-store" in shopper.get(f"/orders/{order.order_ref}/").headers["Cache-Control"]
    for again in (shopper.get(url), shopper.post(url, address)):
        assert again.url == f"/orders/{order.order_ref}/"
    product.refresh_from_db()
    assert product.stock == 9
    assert len(mail.outbox) == len(draws(sespan)) == 1


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_closed_order_leads_to_the_cart(check_out, product, shopper, address, sespan, state):
    order = check_out(product)
    if state == "cancelled":
        Order.objects.update(state=State.CANCELLED)
    else:
        Order.objects.update(created_at=order.created_at - PRICES_HELD_FOR - timedelta(seconds=1))
    for response in (
        shopper.get(f"/checkout/{order.order_ref}/"),
        shopper.post(f"/checkout/{order.order_ref}/", address),
    ):
        assert response.url == "/cart/"
    assert draws(sespan) == []


def test_orders_of_others_do_not_exist(check_out, product, shopper, address):
    order = check_out(product)
    shopper.force_login(Customer.objects.create_user("a@example.com", "a", "x"))
    for path in (f"/checkout/{order.order_ref}/", f"/orders/{order.order_ref}/"):
        assert shopper.get(path).status_code == 404
    assert shopper.post(f"/checkout/{order.order_ref}/", address).status_code == 404


@pytest.mark.parametrize("ref", ["x", "../admin", "%00", "TKS-" + "A" * 300, "é"])
def test_hostile_references(shopper, ref):
    assert shopper.get(f"/checkout/{ref}/").status_code == 404


def test_confirmation_mail(check_out, product, shopper, address):
    order = check_out(product, 2)
    shopper.post(f"/checkout/{order.order_ref}/", address)
    (message,) = mail.outbox
    assert message.to == ["budi@example.com"]
    assert order.order_ref in message.subject
    assert "To pay: Rp\N{NO-BREAK SPACE}160.000" in message.body
    assert "2 × Gayo" in message.body


def test_thanks_are_said_once(check_out, product, shopper, address):
    order = check_out(product)
    first = shopper.post(f"/checkout/{order.order_ref}/", address, follow=True).content.decode()
    assert "Thank you!" in first
    assert "You won 20 % off" in first
    assert "Thank you!" not in shopper.get(f"/orders/{order.order_ref}/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_double_click_places_once(check_out, product, shopper, address, sespan):
    order = check_out(product, 3)
    together = threading.Barrier(2)
    sespan.on_call = lambda request, body: together.wait(10)
    answers = []

    def click():
        browser = Client()
        browser.cookies = shopper.cookies
        try:
            answers.append(browser.post(f"/checkout/{order.order_ref}/", address))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _click in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [answer.url for answer in answers] == [f"/orders/{order.order_ref}/"] * 2
    product.refresh_from_db()
    assert product.stock == 7
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_sespan_is_asked(
    check_out, product, shopper, address, sespan, monkeypatch
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    order = check_out(product)
    seen = []
    sespan.on_call = lambda request, body: seen.append(connection.in_atomic_block)
    shopper.post(f"/checkout/{order.order_ref}/", address)
    assert seen == [False]
    assert Order.objects.get().state == State.PLACED


@pytest.mark.django_db(transaction=True)
def test_two_customers_and_the_last_one(check_out, make_product, shopper, address, sespan):
    product = make_product(stock=1)
    orders = [(shopper, check_out(product))]
    other = Client()
    other.force_login(Customer.objects.create_user("a@example.com", "a", "x"))
    other.post(f"/cart/add/{product.pk}/", {"quantity": 1})
    ref = other.post("/checkout/").url.split("/")[2]
    orders.append((other, Order.objects.get(order_ref=ref)))
    together = threading.Barrier(2)
    sespan.on_call = lambda request, body: together.wait(10)

    def click(browser, order):
        try:
            browser.post(f"/checkout/{order.order_ref}/", address)
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=pair) for pair in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    product.refresh_from_db()
    assert product.stock == 0
    assert sorted(Order.objects.values_list("state", flat=True)) == [State.OPEN, State.PLACED]
