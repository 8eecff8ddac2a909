"""`code.js`: what is pasted, the countdown, slow and lost answers, a page left and come back to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, Route, expect

if TYPE_CHECKING:
    from stack import Stack
    from visitor import Visitor

NOTHING = ""  # the field stays as it was
PASTES = {
    "123456 is your code, valid for 10 minutes": "123456",
    "Your code: 123456. It is valid for 10 minutes.": "123456",
    "Kode Anda 123456 berlaku 10 menit, sekali pakai": "123456",
    "12345678 is your code": "12345678",
    "\uff11\uff12\uff13\uff14\uff15\uff16": "123456",
    "\u200b123\u2013456\u2009\n": "123456",
    "code=123456": "123456",
    # Of two codes nobody knows which is meant, and no digits are put together from a sentence.
    "123456 or 654321": NOTHING,
    "12 apples, 3456 pears": NOTHING,
    "1234567 is no code": NOTHING,
    "Call +62 812 3456 7890": NOTHING,
    "no digits": NOTHING,
    # A part of a code, or too many digits, are the person's own: pasted as they are.
    "123": "123",
    "1234567": "1234567",
}
FRAGMENTS = {
    "#code=654321": "654321",
    "#code=654-321": "654321",
    "#code=%20654+321": "654321",
    "#code=654321&utm_source=mail": "654321",
    "#code=654321?mc_eid=17": "654321",
    "#utm_source=mail&code=654321": "654321",
    "#654321": "654321",
    "#code=12": NOTHING,
    "#code=%zz": NOTHING,
}
NO_CODES = ("12345", "1234567", "123456 or 654321", "12 apples, 3456 pears", "x")
# Languages that part thousands by a comma, a point and a narrow space.
LANGUAGES = ("en", "id", "fr")
GROUPED = """
from django.conf.global_settings import LANGUAGES
USE_THOUSAND_SEPARATOR = True
"""


def field_of(page: Page) -> Locator:
    return page.locator("[data-sespan-code]")


def confirm(page: Page) -> Locator:
    return page.get_by_role("button", name="Confirm")


def test_pastes_and_links_fill_in_one_code_or_nothing(visitor: Visitor) -> None:
    mail = visitor.register()
    page, field = visitor.page, field_of(visitor.page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    def paste(text: str) -> None:
        field.fill("")
        page.evaluate("text => navigator.clipboard.writeText(text)", text)
        field.press("Control+V")

    for text, wanted in PASTES.items():
        paste(text)
        assert field.input_value() == wanted, text
    for fragment, wanted in FRAGMENTS.items():
        field.fill("")
        page.evaluate("fragment => { location.hash = fragment; }", fragment)
        expect(field).to_have_value(wanted)
        if wanted or "code=" in fragment:
            expect(page).to_have_url("/account/code/")
    page.evaluate("() => { location.hash = '#content'; }")  # an anchor of the site's own stays
    expect(page).to_have_url("/account/code/#content")

    # What cannot be the code is refused without a guess.
    for text in NO_CODES:
        visitor.enter_code(text)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
    visitor.enter_code("000000" if mail.code != "000000" else "111111")
    expect(page.get_by_text("4 tries left")).to_be_visible()
    paste(f"{mail.code} is your code, valid for 10 minutes")
    field.press("Enter")
    visitor.expect_logged_in()


def test_an_answer_that_does_not_come(visitor: Visitor) -> None:
    """One click is one request; after Stop, or back from elsewhere, the form can be sent again."""
    mail = visitor.register()
    page = visitor.page
    sent: list[str] = []

    def stop(route: Route) -> None:
        """Do what Stop and Esc do: the page stays, and hears nothing of it."""
        if route.request.method != "POST" or len(sent) == 3:
            route.continue_()
        else:
            sent.append(route.request.url)
            route.abort("aborted")

    page.clock.install()
    page.route("**/account/code/", stop)
    page.reload()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    field_of(page).fill(mail.code)

    def clicks(expected: int) -> None:
        with page.expect_event("requestfailed"):
            confirm(page).dblclick()
        confirm(page).click()
        assert len(sent) == expected

    clicks(1)
    page.clock.fast_forward(3_000)
    clicks(2)
    # From the browser's own store of pages this one comes back as it was left.
    page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    clicks(3)

    page.clock.fast_forward(3_000)
    page.context.set_offline(True)
    confirm(page).click()
    expect(page).to_have_url(re.compile("^chrome-error:"))
    page.context.set_offline(False)
    page.goto("/account/code/")
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()


def test_the_countdown_in_every_number_format(visitor: Visitor, stack: Stack) -> None:
    mail = visitor.register()
    page = visitor.page
    stack.use_up_mails(visitor.email)
    page.evaluate("() => document.querySelector('form.resend').requestSubmit()")
    expect(page.get_by_text("Please wait")).to_be_visible()
    button = page.locator("[data-sespan-resend]")
    with stack.shop_with("grouped_shop", GROUPED) as address:
        for language in LANGUAGES:
            cookie = {"name": "django_language", "value": language, "url": address}
            page.context.add_cookies([cookie])  # type: ignore[list-item]  # a typed dict
            page.goto(f"{address}/account/code/")
            expect(page.locator("html")).to_have_attribute("lang", language)
            expect(button).to_be_disabled()
            shown = int(page.locator("[data-sespan-seconds]").inner_text())
            assert 3_000 < shown <= 3_600, language
            assert shown <= int(button.get_attribute("data-seconds") or "") <= shown + 30
        page.clock.install()
        page.reload()
        page.clock.fast_forward(1_000_000)
        seconds = page.locator("[data-sespan-seconds]")
        expect(seconds).to_have_text(re.compile(r"^2[0-9]{3}$"))
        page.clock.fast_forward(2_700_000)
        expect(button).to_be_enabled()
        expect(page.locator("[data-sespan-countdown]")).to_be_hidden()
    page.context.clear_cookies(name="django_language")
    page.goto("/account/code/")
    visitor.enter_code(mail.code)
    visitor.expect_logged_in()
