from __future__ import annotations

import pytest


def cart(client):
    return client.session.get("cart", {})


def test_add_twice_adds_up(client, product):
    for _time in range(2):
        assert client.post(f"/cart/add/{product.pk}/", {"quantity": "2"}).url == "/cart/"
    assert cart(client) == {str(product.pk): 4}
    page = client.get("/cart/").content.decode()
    assert "Rp\N{NO-BREAK SPACE}400.000" in page
    assert "disabled" not in page


def test_more_than_there_is_is_refused(client, make_product):
    product = make_product(stock=3)
    client.post(f"/cart/add/{product.pk}/", {"quantity": "2"})
    response = client.post(f"/cart/add/{product.pk}/", {"quantity": "2"}, follow=True)
    assert "We have only 3 of" in response.content.decode()
    assert cart(client) == {str(product.pk): 2}


@pytest.mark.parametrize("quantity", ["", "0", "-1", "1.5", "x", "21", "9" * 30, "\x00"])
def test_odd_quantities_are_refused(client, make_product, quantity):
    product = make_product(stock=100)
    response = client.post(f"/cart/add/{product.pk}/", {"quantity": quantity}, follow=True)
    assert "Choose how many" in response.content.decode()
    client.post(f"/cart/add/{product.pk}/", {"quantity": "1"})
    client.post(f"/cart/set/{product.pk}/", {"quantity": quantity})
    assert cart(client) == {str(product.pk): 1}


def test_change_and_remove(client, product):
    client.post(f"/cart/add/{product.pk}/", {"quantity": "2"})
    client.post(f"/cart/set/{product.pk}/", {"quantity": "5"})
    assert cart(client) == {str(product.pk): 5}
    client.post(f"/cart/set/{product.pk}/", {"quantity": "5", "remove": "1"})
    assert cart(client) == {}
    assert "Your cart is empty" in client.get("/cart/").content.decode()


def test_sold_meanwhile_stops_the_checkout(shopper, make_product):
    product = make_product(stock=3)
    shopper.post(f"/cart/add/{product.pk}/", {"quantity": "3"})
    product.stock = 1
    product.save()
    page = shopper.get("/cart/").content.decode()
    assert "Only 1 left" in page
    assert "disabled" in page
    assert shopper.post("/checkout/").url == "/cart/"


def test_unlisted_products_leave_the_cart(client, product):
    client.post(f"/cart/add/{product.pk}/", {"quantity": "1"})
    product.is_listed = False
    product.save()
    assert "Your cart is empty" in client.get("/cart/").content.decode()
    client.post(f"/cart/set/{product.pk}/", {"quantity": "2"})
    assert cart(client) == {}


def test_unknown_product(client, db):
    assert client.post("/cart/add/99/", {"quantity": "1"}).status_code == 404


@pytest.mark.parametrize("path", ["/cart/add/1/", "/cart/set/1/"])
def test_cart_changes_only_by_post(client, path):
    assert client.get(path).status_code == 405


def test_cart_survives_logging_in(client, customer, product):
    client.post(f"/cart/add/{product.pk}/", {"quantity": "2"})
    credentials = {"username": "Budi@Example.com", "password": "kopi-tubruk-88"}
    assert client.post("/account/login/", credentials).url == "/"
    assert cart(client) == {str(product.pk): 2}


@pytest.mark.parametrize("rubbish", [[1], "x", 7, {"1": "x", "y": 2, "2": -1, "3": True}])
def test_rubbish_in_the_session_is_an_empty_cart(client, db, rubbish):
    session = client.session
    session["cart"] = rubbish
    session.save()
    assert "Your cart is empty" in client.get("/cart/").content.decode()
