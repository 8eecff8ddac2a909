from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from stack import Stack
    from visitor import Visitor


def test_link_fills_the_form_and_leaves_the_address(visitor: Visitor) -> None:
    page = visitor.page
    mail = visitor.register()
    assert "#" in mail.link
    page.goto(mail.link)
    expect(page.get_by_label("Code from the e-mail")).to_have_value(mail.code)
    expect(page).to_have_url("/account/code/")
    assert mail.code not in page.evaluate("location.href + JSON.stringify(history.state)")
    page.get_by_role("button", name="Confirm").click()
    visitor.expect_logged_in()


def test_field_is_made_for_codes(visitor: Visitor) -> None:
    mail = visitor.register()
    field = visitor.page.get_by_label("Code from the e-mail")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("inputmode", "numeric")
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.page.evaluate(
        "text => navigator.clipboard.writeText(text)", f"{mail.code[:3]}-{mail.code[3:]}\n"
    )
    field.press("Control+V")
    expect(field).to_have_value(mail.code)
    field.press("Enter")
    visitor.expect_logged_in()


def test_resend_counts_down_and_earlier_codes_stay_valid(visitor: Visitor, stack: Stack) -> None:
    page = visitor.page
    first = visitor.register()
    button = page.get_by_role("button", name="Send a new code")
    expect(button).to_be_disabled()
    expect(button).to_contain_text("s)")
    before = int(page.locator("[data-sespan-seconds]").inner_text())
    assert 30 <= before <= 60
    expect(page.locator("[data-sespan-seconds]")).not_to_have_text(str(before))

    # A minute passes: for the service in its table, for the page by its clock.
    stack.let_a_minute_pass()
    page.clock.install()
    page.reload()
    page.clock.fast_forward(61_000)
    expect(button).to_be_enabled()
    button.click()
    second = stack.inbox.wait_for(visitor.email, 2)[1]
    assert second.code != first.code
    visitor.look("code-resent")
    visitor.enter_code(first.code)
    visitor.expect_logged_in()


def test_five_wrong_guesses_lock_the_code(visitor: Visitor) -> None:
    mail = visitor.register()
    wrong = [f"{(int(mail.code) + step) % 1_000_000:06}" for step in range(1, 6)]
    for code, left in zip(wrong[:4], ("4 tries", "3 tries", "2 tries", "1 try"), strict=True):
        visitor.enter_code(code)
        expect(visitor.page.get_by_text(f"{left} left")).to_be_visible()
    visitor.enter_code(wrong[4])
    visitor.enter_code(mail.code)
    expect(visitor.page.get_by_label("Code from the e-mail")).to_have_attribute(
        "aria-invalid", "true"
    )
    visitor.look("code-locked")
    visitor.page.goto("/account/")
    expect(visitor.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_log_in_again_with_the_password(visitor: Visitor) -> None:
    visitor.join()
    page = visitor.page
    page.goto("/account/")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("E-mail address").fill(visitor.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    visitor.look("login-wrong")
    page.get_by_label("Password").fill("kopi-tubruk-88")
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    visitor.expect_logged_in()


def test_forgotten_password(visitor: Visitor, stack: Stack) -> None:
    visitor.join()
    stack.let_a_minute_pass()
    page = visitor.page
    page.context.clear_cookies()
    page.goto("/account/login/")
    page.get_by_role("link", name="Password forgotten?").click()
    page.get_by_label("Email").fill(visitor.email)
    visitor.look("password-forgotten")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    page.goto(stack.inbox.wait_for(visitor.email, 2)[1].link)
    visitor.look("password-new")
    page.get_by_label("New password", exact=True).fill("kopi-baru-99")
    page.get_by_label("New password confirmation").fill("kopi-baru-99")
    page.get_by_role("button", name="Save the new password").click()
    page.get_by_label("E-mail address").fill(visitor.email)
    page.get_by_label("Password").fill("kopi-baru-99")
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    visitor.expect_logged_in()


def test_indonesian_mail(visitor: Visitor, stack: Stack) -> None:
    page = visitor.page
    page.goto("/account/register/")
    page.get_by_role("button", name="Bahasa Indonesia").click()
    page.locator("#id_username").fill(visitor.username)
    page.locator("#id_email").fill(visitor.email)
    page.locator("#id_password1").fill("kopi-tubruk-88")
    page.locator("#id_password2").fill("kopi-tubruk-88")
    page.get_by_role("main").get_by_role("button", name="Daftar").click()
    (mail,) = stack.inbox.wait_for(visitor.email)
    assert "Kode" in mail.text
    visitor.look("code-indonesian")
