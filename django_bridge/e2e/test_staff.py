from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from visitor import log_in_as_admin

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack
    from visitor import Visitor


@pytest.fixture
def staff(browser: Browser, stack: Stack, watch: Watch) -> Iterator[Page]:
    """The administration, as its page."""
    context = browser.new_context(base_url=stack.shop_url, locale="en-GB")
    watch.follow(context)
    page = context.new_page()
    log_in_as_admin(page)
    yield page
    context.close()


def add_tier(page: Page, name: str, low: str, high: str) -> None:
    page.goto("/admin/sespan/transactiontier/add/")
    page.locator("#id_name").fill(name)
    page.locator("#id_minimum_transaction").fill(low)
    page.locator("#id_maximum_transaction").fill(high)
    page.locator("#id_probability").fill("100")
    page.locator("#id_discount").fill("35")
    page.get_by_role("button", name="Save", exact=True).click()


def test_new_tier_counts_at_once(visitor: Visitor, staff: Page, stack: Stack) -> None:
    add_tier(staff, "Clashing", "500000", "900000")
    expect(staff.get_by_text("Please correct the error")).to_be_visible()
    type(visitor)(staff, stack.inbox, "staff").look("10-tier-refused", audit=False)
    add_tier(staff, "Heavy load", "1500000", "2000000")
    expect(staff.get_by_text("was added successfully")).to_be_visible()
    visitor.join()
    visitor.buy("kettle", "grinder")
    visitor.expect_draw("You won 35 % off!")
    visitor.expect_to_pay("1.017.250")


def test_shipping_and_cancelling(visitor: Visitor, staff: Page) -> None:
    visitor.join()
    ref = visitor.buy("toraja", "mug")
    visitor.fill_address()
    visitor.place()
    staff.goto(f"/admin/orders/order/?q={ref}")
    staff.get_by_role("checkbox", name="Select this object for an action").check()
    staff.get_by_label("Action:").select_option("ship")
    staff.locator(".actions button").click()  # "Go" in Django 5.2, "Run" in 6.1
    expect(staff.get_by_text("1 order was shipped.")).to_be_visible()
    visitor.page.goto("/orders/")
    expect(visitor.page.get_by_text("Shipped")).to_be_visible()


def test_banned_customer_stays_out(visitor: Visitor, stack: Stack) -> None:
    visitor.join()
    stack.execute("UPDATE accounts_customer SET is_active = false WHERE email = %s", visitor.email)
    page = visitor.page
    page.goto("/account/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.context.clear_cookies()
    stack.let_a_minute_pass()
    visitor.username += "again"  # the old one is taken, which the form says
    visitor.send_registration()
    visitor.enter_code("123456")
    expect(page.get_by_text("tries left")).to_be_visible()
    active = "SELECT is_active FROM accounts_customer WHERE email = %s"
    assert stack.rows(active, visitor.email) == [(False,)]
