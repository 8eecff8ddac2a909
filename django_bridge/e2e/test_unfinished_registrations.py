"""Unfinished registrations: another browser, two tabs, back, no JavaScript, a form sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from visitor import PASSWORD, Visitor

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack

NEW_PASSWORD = "kopi-baru-99"  # noqa: S105  (a test's)
ACTIVE = "SELECT is_active FROM accounts_customer WHERE email = %s"


@pytest.fixture
def elsewhere(visitor: Visitor, stack: Stack, browser: Browser, watch: Watch) -> Iterator[Visitor]:
    """Give the same person another browser."""
    context = browser.new_context(base_url=stack.shop_url, locale="en-GB")
    watch.follow(context)
    other = Visitor(context.new_page(), stack.inbox)
    other.username, other.email = visitor.username, visitor.email
    yield other
    context.close()


def test_the_link_opened_in_another_browser(visitor: Visitor, elsewhere: Visitor) -> None:
    mail = visitor.register()
    page = elsewhere.page
    page.goto(mail.link)
    expect(page.get_by_role("heading", name="Which registration is it?")).to_be_visible()
    assert mail.code not in page.url
    elsewhere.look("resume")
    page.get_by_label("E-mail address").fill(visitor.email)
    page.get_by_label("Password of the registration").fill("not-it-at-all")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("No registration with this address and password")).to_be_visible()
    elsewhere.look("resume-wrong")
    page.get_by_label("Password of the registration").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    # The code of the link waited in the tab, and no second mail was sent.
    expect(page.get_by_label("Code from the e-mail")).to_have_value(mail.code)
    assert len(elsewhere.inbox.wait_for(visitor.email)) == 1
    page.get_by_role("button", name="Confirm").click()
    elsewhere.expect_logged_in()
    # The first browser's session still waits; its code is used up, and it says so or goes on.
    visitor.page.reload()
    expect(visitor.page.get_by_label("Code from the e-mail")).to_be_visible()


def test_right_password_but_not_verified(visitor: Visitor, elsewhere: Visitor) -> None:
    mail = visitor.register()
    elsewhere.log_in()
    expect(elsewhere.page).to_have_url("/account/code/")
    expect(elsewhere.page.get_by_text("is not confirmed yet")).to_be_visible()
    elsewhere.look("login-unverified")
    elsewhere.enter_code(mail.code)
    elsewhere.expect_logged_in()


def test_wrong_password_of_an_unverified_account(visitor: Visitor, elsewhere: Visitor) -> None:
    visitor.register()
    elsewhere.log_in("not-it-at-all")
    expect(elsewhere.page.get_by_role("alert")).to_contain_text("do not belong together")


def test_two_tabs(visitor: Visitor, context: BrowserContext, stack: Stack) -> None:
    mail = visitor.register()
    second = Visitor(context.new_page(), stack.inbox)
    other = second.register()
    # The first tab still shows the code form of the first registration.
    visitor.enter_code(mail.code)
    expect(visitor.page.get_by_text("begun another registration")).to_be_visible()
    visitor.look("two-tabs")
    assert stack.rows(ACTIVE, visitor.email) == [(False,)]
    second.enter_code(other.code)
    second.expect_logged_in()


def test_the_other_tab_after_the_login(visitor: Visitor, context: BrowserContext) -> None:
    mail = visitor.register()
    tab = context.new_page()
    tab.goto(mail.link)
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()
    tab.get_by_role("button", name="Confirm").click()
    other = Visitor(tab, visitor.inbox)
    other.username = visitor.username
    other.expect_logged_in()
    other.look("other-tab-after-login")


def test_back_button(visitor: Visitor, stack: Stack) -> None:
    visitor.send_registration()
    page = visitor.page
    page.go_back()
    expect(page.get_by_label("E-mail address")).to_have_value(visitor.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_url("/account/code/")
    mail = stack.inbox.wait_for(visitor.email)[-1]
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()
    page.go_back()
    visitor.page.reload()
    visitor.expect_logged_in()
    count = "SELECT count(*) FROM accounts_customer WHERE email = %s"
    assert stack.rows(count, visitor.email) == [(1,)]


def test_reload_and_back_after_a_wrong_code(visitor: Visitor) -> None:
    """Neither sends the code again, so neither costs a guess or asks to send a form again."""
    mail = visitor.register()
    page = visitor.page
    visitor.enter_code("000000" if mail.code != "000000" else "111111")
    expect(page.get_by_text("4 tries left")).to_be_visible()
    for _ in range(2):
        page.reload()
        expect(page.get_by_text("You have 4 tries left")).to_be_visible()
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()
    page.go_back()
    visitor.expect_logged_in()


def test_without_javascript(stack: Stack, browser: Browser, watch: Watch) -> None:
    context = browser.new_context(
        base_url=stack.shop_url, locale="en-GB", java_script_enabled=False
    )
    watch.follow(context)
    person = Visitor(context.new_page(), stack.inbox)
    mail = person.register()
    page = person.page
    page.goto(mail.link)
    expect(page.get_by_label("Code from the e-mail")).to_be_visible()
    resend = page.get_by_role("button", name="Send a new code")
    resend.click()
    expect(page.get_by_text("Please wait")).to_be_visible()
    person.enter_code(mail.code)
    person.expect_logged_in()
    context.close()


def test_a_form_is_sent_once(visitor: Visitor, stack: Stack) -> None:
    visitor.fill_registration()
    visitor.page.get_by_role("button", name="Register").dblclick()
    expect(visitor.page).to_have_url("/account/code/")
    (mail,) = stack.inbox.wait_for(visitor.email)
    visitor.page.get_by_label("Code from the e-mail").fill(mail.code)
    visitor.page.get_by_role("button", name="Confirm").dblclick()
    visitor.expect_logged_in()


def test_a_code_sent_twice_by_a_browser(visitor: Visitor) -> None:
    mail = visitor.register()
    page = visitor.page
    page.get_by_label("Code from the e-mail").fill(mail.code)
    both = page.evaluate("""() => {
        const form = document.querySelector("[data-sespan-code-form]");
        const send = () => fetch(form.action || location.href, {
            method: "POST", body: new FormData(form),
        }).then((answer) => [answer.status, new URL(answer.url).pathname]);
        return Promise.all([send(), send()]);
    }""")
    assert all(status == 200 for status, _ in both), both
    page.goto("/account/")
    visitor.expect_logged_in()


def test_known_address(visitor: Visitor, elsewhere: Visitor, stack: Stack) -> None:
    visitor.join()
    stack.let_a_minute_pass()
    elsewhere.username += "x"
    elsewhere.fill_registration(NEW_PASSWORD)
    page = elsewhere.page
    page.get_by_label("E-mail address").fill(visitor.email.upper())
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_url("/account/code/")
    elsewhere.enter_code("123456")
    expect(page.get_by_text("4 tries left")).to_be_visible()
    told = stack.inbox.wait_for(visitor.email, 2)[1]
    assert "account" in told.text
    with pytest.raises(AssertionError, match="no code"):
        _ = told.code


def test_registered_again_with_another_password(
    visitor: Visitor, elsewhere: Visitor, stack: Stack
) -> None:
    """The newest registration wins; the older session is told so."""
    older = visitor.register()
    stack.let_a_minute_pass()
    elsewhere.fill_registration(NEW_PASSWORD)
    elsewhere.page.get_by_role("button", name="Register").click()
    expect(elsewhere.page).to_have_url("/account/code/")
    visitor.enter_code(older.code)
    expect(visitor.page.get_by_text("was registered anew since")).to_be_visible()
    visitor.look("replaced")


def test_password_forgotten_before_the_code(visitor: Visitor, stack: Stack) -> None:
    visitor.register()
    stack.let_a_minute_pass()
    page = visitor.page
    page.context.clear_cookies()
    page.goto("/account/password/forgotten/")
    page.get_by_label("Email").fill(visitor.email)
    page.get_by_role("button", name="Send the link").click()
    page.goto(stack.inbox.wait_for(visitor.email, 2)[1].link)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password confirmation").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Save the new password").click()
    assert stack.rows(ACTIVE, visitor.email) == [(False,)]
    visitor.log_in(NEW_PASSWORD)
    expect(page).to_have_url("/account/code/")
    visitor.enter_code(stack.inbox.wait_for(visitor.email, 2)[0].code)
    visitor.expect_logged_in()
