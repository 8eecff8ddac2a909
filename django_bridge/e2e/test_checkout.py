from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Route, expect

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack
    from visitor import Visitor

TRANSACTIONS = "**/v1/transactions"


@pytest.fixture
def shopper(visitor: Visitor) -> Visitor:
    """A person who is logged in."""
    visitor.join()
    return visitor


def price_of(stack: Stack, order_ref: str) -> tuple[str, str, str]:
    """Return state, goods and price of an order."""
    ((state, goods, to_pay),) = stack.rows(
        "SELECT state, amount::text, discounted_amount::text FROM orders_order"
        " WHERE order_ref = %s",
        order_ref,
    )
    return state, goods, to_pay


def test_losing_and_no_tier(shopper: Visitor) -> None:
    shopper.buy("mug")
    shopper.expect_draw("No discount this time")
    shopper.expect_to_pay("65.000")
    shopper.look("checkout-lost")
    shopper.buy("kettle")  # with the mug: above every tier
    shopper.expect_draw("No discount this time")
    shopper.expect_to_pay("955.000")


def test_reloading_never_draws_again(shopper: Visitor, stack: Stack) -> None:
    ref = shopper.buy("gift-box")
    shopper.expect_draw("You won 20 % off!")
    shopper.page.reload()
    shopper.expect_draw("You won 20 % off!")
    shopper.page.goto("/cart/")
    shopper.page.get_by_role("button", name="Check out").click()
    shopper.expect_draw("You won 20 % off!")
    draws = "SELECT count(*) FROM sespan.transaction_log WHERE order_ref = %s"
    assert stack.rows(draws, ref) == [(1,)]


def test_tampered_form_changes_no_price(shopper: Visitor, stack: Stack) -> None:
    ref = shopper.buy("gift-box")
    shopper.fill_address()
    shopper.page.evaluate(
        """() => {
          const form = document.querySelector("form[data-once]");
          for (const name of ["amount", "discounted_amount", "transaction_amount", "price"]) {
            const field = document.createElement("input");
            Object.assign(field, { type: "hidden", name, value: "1" });
            form.append(field);
          }
        }"""
    )
    shopper.place()
    shopper.expect_to_pay("308.000")
    assert price_of(stack, ref) == ("placed", "385000.00", "308000.00")


def test_tampered_request_is_refused_and_changes_no_price(
    shopper: Visitor, stack: Stack, watch: Watch
) -> None:
    watch.expect_status(403)

    def halve(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        route.continue_(post_data={**body, "transaction_amount": "192500.00"})

    shopper.page.route(TRANSACTIONS, halve)
    ref = shopper.buy("gift-box")
    box = shopper.page.locator("[data-sespan-checkout]")
    expect(box).to_have_attribute("data-state", "error")
    shopper.look("checkout-refused")
    shopper.fill_address()
    shopper.place()
    shopper.expect_to_pay("308.000")
    assert price_of(stack, ref) == ("placed", "385000.00", "308000.00")


def test_forged_answer_changes_no_price(shopper: Visitor, stack: Stack) -> None:
    def forge(route: Route) -> None:
        answer: dict[str, Any] = route.fetch().json()
        headers = {"Access-Control-Allow-Origin": stack.shop_url}
        route.fulfill(json={**answer, "discounted_amount": "1.00"}, status=201, headers=headers)

    shopper.page.route(TRANSACTIONS, forge)
    ref = shopper.buy("gift-box")
    shopper.expect_draw("You won 100 % off!")
    shopper.fill_address()
    shopper.place()
    shopper.expect_to_pay("308.000")
    assert price_of(stack, ref) == ("placed", "385000.00", "308000.00")


def test_without_the_ajax_call_the_order_is_placed_at_its_price(
    shopper: Visitor, stack: Stack
) -> None:
    shopper.page.route(TRANSACTIONS, lambda route: route.abort())
    ref = shopper.buy("gift-box")
    expect(shopper.page.get_by_text("could not be drawn now")).to_be_visible(timeout=20_000)
    shopper.look("checkout-offline")
    shopper.fill_address()
    shopper.place()
    shopper.expect_to_pay("308.000")
    assert price_of(stack, ref)[2] == "308000.00"


def test_without_javascript(visitor: Visitor, stack: Stack, browser: Browser) -> None:
    context = browser.new_context(base_url=stack.shop_url, java_script_enabled=False)
    plain = type(visitor)(context.new_page(), stack.inbox, "no-script")
    plain.join()
    ref = plain.buy("gift-box")
    expect(plain.page.get_by_text("drawn when you place the order")).to_be_visible()
    plain.fill_address()
    plain.place()
    plain.expect_to_pay("308.000")
    assert price_of(stack, ref) == ("placed", "385000.00", "308000.00")
    context.close()


def test_double_click_and_back_button(shopper: Visitor, stack: Stack) -> None:
    page = shopper.page
    stock = "SELECT stock FROM catalogue_product WHERE slug = 'scale'"
    ((before,),) = stack.rows(stock)
    ref = shopper.buy("scale")
    shopper.expect_draw("You won")
    shopper.fill_address()
    page.get_by_role("button", name="Place the order").dblclick()
    expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(f"/orders/{ref}/")
    assert stack.rows(stock) == [(before - 1,)]
    mails = stack.inbox.wait_for(shopper.email, 2)
    assert len(mails) == 2  # the code and one confirmation


def test_price_change_after_freezing(shopper: Visitor, stack: Stack) -> None:
    ref = shopper.buy("french-press")
    shopper.expect_draw("You won 20 % off!")
    stack.execute("UPDATE catalogue_product SET price = 999000 WHERE slug = 'french-press'")
    shopper.fill_address()
    shopper.place()
    shopper.expect_to_pay("256.000")
    assert price_of(stack, ref)[1] == "320000.00"


def test_sold_out_while_at_the_checkout(shopper: Visitor, stack: Stack) -> None:
    ref = shopper.buy("moka-pot")
    stack.execute("UPDATE catalogue_product SET stock = 0 WHERE slug = 'moka-pot'")
    shopper.fill_address()
    shopper.place()
    expect(shopper.page.get_by_text("Not enough left: Moka Pot")).to_be_visible()
    expect(shopper.page.get_by_role("button", name="Check out")).to_be_disabled()
    shopper.look("cart-sold-out")
    assert price_of(stack, ref)[0] == "open"
