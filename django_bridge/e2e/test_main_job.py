"""Registration → code → logged in → product → checkout with the draw → order → what staff sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Page, expect

from stack import Stack
from visitor import log_in_as_admin

if TYPE_CHECKING:
    from conftest import Watch
    from visitor import Visitor


def test_from_registration_to_a_discounted_order(
    visitor: Visitor, stack: Stack, watch: Watch, browser: Browser
) -> None:
    page = visitor.page
    page.goto("/")
    visitor.look("01-home")
    page.goto("/account/register/")
    visitor.look("02-register")
    mail = visitor.register()
    assert visitor.email in mail.recipients
    visitor.look("03-code")

    wrong = "000000" if mail.code != "000000" else "111111"
    visitor.enter_code(wrong)
    expect(page.get_by_text("4 tries left")).to_be_visible()
    visitor.look("04-code-wrong")
    visitor.enter_code(f" {mail.code[:3]} {mail.code[3:]} ")
    visitor.expect_logged_in()
    active = "SELECT is_active FROM accounts_customer WHERE email = %s"
    assert stack.rows(active, visitor.email) == [(True,)]

    page.goto("/product/gayo/")
    visitor.look("05-product")
    page.get_by_label("Quantity").fill("2")
    page.get_by_role("button", name="Add to cart").click()
    visitor.look("06-cart")
    page.get_by_role("button", name="Check out").click()
    visitor.expect_draw("You won 20 % off!")
    visitor.expect_to_pay("200.000")
    visitor.look("07-checkout")

    watch.expect_status(422)
    visitor.place()
    expect(page.get_by_label("Recipient")).to_be_focused()
    visitor.look("08-checkout-errors")
    visitor.fill_address()
    visitor.place()
    expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
    expect(page.get_by_text("You won 20 % off and saved")).to_be_visible()
    visitor.expect_to_pay("200.000")
    visitor.look("09-order")

    page.goto("/orders/")
    expect(page.get_by_text("−20 %")).to_be_visible()
    visitor.look("10-orders")
    page.goto("/account/")
    visitor.look("11-account")
    confirmation = stack.inbox.wait_for(visitor.email, 2)[1]
    assert "200.000" in confirmation.text
    check_records(visitor, stack)
    check_secrecy(mail.code, stack)
    check_inbox_page(visitor, stack, browser, watch)
    check_staff_pages(visitor, stack, browser, watch)


def check_records(visitor: Visitor, stack: Stack) -> None:
    """Every hit is in the API log, without the code; the draw was made once; the mails are sent."""
    ((customer,),) = stack.rows("SELECT id FROM accounts_customer WHERE email = %s", visitor.email)
    ((discounted, goods, to_pay, username, order_ref),) = stack.rows(
        "SELECT discounted, transaction_amount, discounted_amount, username, order_ref"
        " FROM sespan.transaction_log WHERE customer_id = %s",
        customer,
    )
    assert (discounted, str(goods), str(to_pay)) == (True, "250000.00", "200000.00")
    assert username == visitor.username
    assert stack.rows(
        "SELECT order_ref, state, discounted_amount::text FROM orders_order WHERE customer_id = %s",
        customer,
    ) == [(order_ref, "placed", "200000.00")]
    log = stack.rows(
        "SELECT request_type, status, outcome FROM sespan.api_log"
        " WHERE customer_id = %s ORDER BY time_requested",
        customer,
    )
    # The checkout page was shown twice, each time the browser asked; then the server did.
    assert [row[1] for row in log if row[0] == "Transaction"] == [201, 200, 200]
    assert ("Login", 201, "success") in log
    assert {row[0] for row in log} >= {"OTP", "Login", "Transaction"}


def check_secrecy(code: str, stack: Stack) -> None:
    """No table holds the code: not the log of the requests, not the mail after it was sent."""
    for (table,) in stack.rows(
        "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname IN ('sespan', 'public')"
    ):
        assert stack.count_text(table, code) == 0, table


def check_inbox_page(visitor: Visitor, stack: Stack, browser: Browser, watch: Watch) -> None:
    """The development inbox shows the mails to a person."""
    context = browser.new_context(base_url=stack.inbox.url)
    watch.follow(context)
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_text(visitor.email).first).to_be_visible()
    shown = type(visitor)(page, stack.inbox, "inbox")
    shown.look("01-list", audit=False)
    page.get_by_text("Confirm your e-mail address").first.click()
    shown.look("02-mail", audit=False)
    context.close()


def check_staff_pages(visitor: Visitor, stack: Stack, browser: Browser, watch: Watch) -> None:
    """Staff finds the tier, the code, the draw, the log and the mails in the administration."""
    context = browser.new_context(base_url=stack.shop_url, locale="en-GB")
    watch.follow(context)
    page = context.new_page()
    log_in_as_admin(page)
    staff = type(visitor)(page, stack.inbox, "staff")
    staff.look("01-index", audit=False)
    for number, (link, text) in enumerate(
        {
            "Discount tiers": "Always",
            "Transactions": visitor.username,
            "One-time codes": visitor.email,
            "API log": "Draws",
            "Mails": visitor.email,
        }.items(),
        start=2,
    ):
        open_list(page, link)
        expect(page.locator("#result_list")).to_contain_text(text)
        staff.look(f"{number:02}-{link.lower().replace(' ', '-')}", audit=False)
    context.close()


def open_list(page: Page, name: str) -> None:
    """Open a list from the administration's first page."""
    page.goto("/admin/")
    page.locator("#content").get_by_role("link", name=re.compile(f"^{name}$")).click()
