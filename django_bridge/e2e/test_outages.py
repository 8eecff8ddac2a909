"""Parts of the stack are away for a while; nothing is lost and nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack
    from visitor import Visitor


def test_order_while_sespan_is_away(visitor: Visitor, stack: Stack, watch: Watch) -> None:
    visitor.join()
    visitor.buy("gift-box")
    visitor.expect_draw("You won 20 % off!")
    visitor.fill_address()
    watch.expect_status(503)
    with stack.without("serve"):
        visitor.page.route("**/v1/transactions", lambda route: route.abort())
        visitor.place()
        expect(visitor.page.get_by_text("Nothing was ordered; please try again")).to_be_visible()
        expect(visitor.page.get_by_label("City")).to_have_value("Bandung")
        visitor.look("checkout-unavailable")
    visitor.place()
    expect(visitor.page.get_by_role("heading", name="Thank you!")).to_be_visible()
    visitor.expect_to_pay("308.000")


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
