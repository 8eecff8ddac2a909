from __future__ import annotations

import httpx
import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import Customer
from orders.flows.cancel import cancel
from orders.models import Order, State, new_order_ref

pytestmark = pytest.mark.django_db


@pytest.fixture
def placed(check_out, product, shopper, address):
    order = check_out(product, 2)
    shopper.post(f"/checkout/{order.order_ref}/", address)
    order.refresh_from_db()
    return order


@pytest.fixture
def staff():
    browser = Client()
    browser.force_login(Customer.objects.create_superuser("staff@example.com", "staff", "x"))
    return browser


def test_history_shows_own_orders(placed, shopper):
    page = shopper.get("/orders/").content.decode()
    assert placed.order_ref in page
    assert "−20 %" in page
    shopper.force_login(Customer.objects.create_user("a@example.com", "a", "x"))
    assert "Nothing ordered yet" in shopper.get("/orders/").content.decode()


def test_open_order_can_be_taken_up_again(check_out, product, shopper):
    order = check_out(product)
    assert "Not placed yet" in shopper.get("/orders/").content.decode()
    assert shopper.get(f"/orders/{order.order_ref}/").url == f"/checkout/{order.order_ref}/"


def test_replaced_orders_are_not_listed(check_out, product, make_product, shopper):
    first = check_out(product)
    check_out(make_product("mug"))
    assert first.order_ref not in shopper.get("/orders/").content.decode()


def test_references_are_what_sespan_takes():
    refs = {new_order_ref() for _index in range(200)}
    assert len(refs) == 200
    assert all(ref.replace("-", "").isalnum() and len(ref) == 18 for ref in refs)


def test_cancelling_gives_the_goods_back(placed, product):
    assert cancel(placed)
    assert not cancel(placed)
    product.refresh_from_db()
    placed.refresh_from_db()
    assert (placed.state, product.stock) == (State.CANCELLED, 10)


def test_staff_ships_and_cancels(placed, staff, product):
    def act(action):
        body = {"action": action, "_selected_action": [placed.pk]}
        staff.post("/admin/orders/order/", body)
        placed.refresh_from_db()
        return placed.state

    assert act("ship") == State.SHIPPED
    assert act("cancel") == State.SHIPPED
    Order.objects.update(state=State.PLACED)
    assert act("cancel") == State.CANCELLED


def look_for_draw(staff, order):
    body = {"action": "look_for_draw", "_selected_action": [order.pk]}
    answer = staff.post("/admin/orders/order/", body, follow=True)
    order.refresh_from_db()
    return [str(message) for message in answer.context["messages"]]


def test_a_draw_whose_answer_was_lost_is_found(check_out, product, shopper, address, sespan, staff):
    order = check_out(product)
    sespan.fail = [httpx.ReadTimeout("lost")] * 2
    sespan.on_call = lambda _request, body: sespan.draw(body)  # it won all the same
    chosen = {**address, "without_discount": "yes"}
    shopper.post(f"/checkout/{order.order_ref}/", chosen)
    sespan.on_call = None
    order.refresh_from_db()
    assert (order.state, order.transaction_id, len(sespan.draws)) == (State.PLACED, None, 1)
    listed = "/admin/orders/order/?transaction_id__isempty=1"
    assert order.order_ref in staff.get(listed).text
    sespan.fail = [httpx.ConnectError("away")] * 2
    assert look_for_draw(staff, order)[0].endswith("Try again later.")
    assert order.transaction_id is None
    said = look_for_draw(staff, order)
    assert said == [f"{order}: its draw takes Rp\N{NO-BREAK SPACE}20.000 off. Refund them."]
    assert (order.transaction_id, order.discounted_amount) == (1001, order.amount)
    assert "/transactionlog/1001/" in staff.get(f"/admin/orders/order/{order.pk}/change/").text
    assert order.order_ref not in staff.get(listed).text
    assert look_for_draw(staff, order) == []


def test_a_draw_that_did_not_win(placed, sespan, staff):
    Order.objects.update(transaction_id=None, discounted_amount=placed.amount)
    sespan.draws.clear()
    sespan.share = 1
    assert look_for_draw(staff, placed) == [f"{placed}: its draw gives no discount."]
    assert placed.transaction_id == 1001


def test_staff_sees_but_never_sets_a_price(placed, staff):
    url = f"/admin/orders/order/{placed.pk}/change/"
    page = staff.get(url).content.decode()
    assert placed.order_ref in page
    assert 'name="discounted_amount"' not in page
    body = {
        "recipient": "Budi",
        "phone_number": "0812 3456 7890",
        "street": "Jl. Baru 1",
        "city": "Bogor",
        "postal_code": "16111",
        "payment": "transfer",
        "discounted_amount": "1",
        "amount": "1",
        "lines-TOTAL_FORMS": "0",
        "lines-INITIAL_FORMS": "0",
    }
    assert staff.post(url, body).status_code == 302
    placed.refresh_from_db()
    assert (placed.street, placed.discounted_amount) == ("Jl. Baru 1", placed.amount * 8 / 10)


@pytest.mark.parametrize(
    "values",
    [
        {"discounted_amount": None},
        {"discounted_amount": 200_001},
        {"discounted_amount": -1},
    ],
)
def test_the_database_refuses_nonsense(placed, values):
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=placed.pk).update(**values)


def test_deleting_a_customer_keeps_the_order(placed, customer):
    customer.delete()
    placed.refresh_from_db()
    assert placed.customer is None


@pytest.mark.parametrize(
    "path",
    ["", "orders/order/", "catalogue/product/", "catalogue/product/add/", "accounts/customer/"],
)
def test_staff_pages_open(staff, placed, path):
    response = staff.get(f"/admin/{path}")
    assert response.status_code == 200
    assert "shop/admin.css" in response.content.decode()
