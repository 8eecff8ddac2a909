"""Parts of the stack are away for a while; nothing is lost and nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Browser, expect

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack
    from visitor import Visitor


def test_order_while_sespan_is_away(
    visitor: Visitor, stack: Stack, watch: Watch, browser: Browser
) -> None:
    """No order is lost, and nobody pays the full price unasked: each customer chooses."""
    context = browser.new_context(base_url=stack.shop_url, locale="en-GB")
    watch.follow(context)
    hasty = type(visitor)(context.new_page(), stack.inbox)
    for person in (visitor, hasty):
        person.join()
        person.buy("gift-box")
        person.expect_draw("You won 20 % off!")
        person.fill_address()
    with stack.without("serve"):
        for person in (visitor, hasty):
            person.place()
            expect(person.page.get_by_text("nothing is ordered yet")).to_be_visible()
            expect(person.page.get_by_label("City")).to_have_value("Bandung")
        visitor.look("checkout-unavailable")
        expect(visitor.page.get_by_text("Your ticket could not be drawn now")).to_be_visible()
        hasty.page.get_by_role("button", name="Order at the full price").click()
        expect(hasty.page.get_by_role("heading", name="Thank you!")).to_be_visible()
        hasty.expect_to_pay("385.000")
    visitor.page.get_by_role("button", name="Try again").click()
    expect(visitor.page.get_by_role("heading", name="Thank you!")).to_be_visible()
    visitor.expect_to_pay("308.000")
    context.close()


def test_registration_while_sespan_is_away(visitor: Visitor, stack: Stack) -> None:
    page = visitor.page
    with stack.without("serve"):
        visitor.send_registration()
        expect(page.get_by_text("could not send the code just now")).to_be_visible()
        visitor.look("code-unavailable")
    page.get_by_role("button", name="Send a new code").click()
    (mail,) = stack.inbox.wait_for(visitor.email)
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()


def test_mail_waits_for_the_mail_server(visitor: Visitor, stack: Stack) -> None:
    with stack.without("inbox"):
        visitor.send_registration()
        visitor.page.reload()
    (mail,) = stack.inbox.wait_for(visitor.email)
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()
