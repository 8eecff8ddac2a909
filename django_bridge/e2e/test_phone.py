from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Playwright, expect

from visitor import Visitor

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack

PAGES = ("/", "/gear/", "/product/kintamani/", "/account/login/", "/account/login-code/")


@pytest.fixture
def phone(
    playwright: Playwright, browser: Browser, stack: Stack, watch: Watch
) -> Iterator[Visitor]:
    """A person with a phone."""
    device = {**playwright.devices["Pixel 7"], "device_scale_factor": 1.5}
    device.pop("default_browser_type")
    context = browser.new_context(**device, base_url=stack.shop_url, locale="en-GB")
    watch.follow(context)
    yield Visitor(context.new_page(), stack.inbox, "phone")
    context.close()


def test_the_whole_way_on_a_phone(phone: Visitor) -> None:
    page = phone.page
    for number, path in enumerate(PAGES):
        page.goto(path)
        phone.look(f"0{number}-{path.strip('/').replace('/', '-') or 'home'}")
    mail = phone.register()
    phone.look("10-code")
    page.goto(mail.link)
    page.get_by_role("button", name="Confirm").tap()
    phone.expect_logged_in()
    phone.buy("toraja", "mug")
    phone.expect_draw("You won 20 % off!")
    phone.look("11-checkout")
    # The good news stands above the form, where it is seen without scrolling far.
    box, form = page.locator("[data-sespan-checkout]"), page.locator("form[data-once]")
    above, below = box.bounding_box(), form.bounding_box()
    assert above
    assert below
    assert above["y"] < below["y"]
    phone.fill_address()
    phone.place()
    expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
    phone.look("12-order")
    for number, path in enumerate(("/orders/", "/account/", "/cart/"), start=13):
        page.goto(path)
        phone.look(f"{number}-{path.strip('/')}")


def test_indonesian(phone: Visitor) -> None:
    page = phone.page
    page.goto("/")
    page.get_by_role("button", name="Bahasa Indonesia").tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kopi Nusantara")
    phone.look("20-indonesian")
    page.get_by_role("navigation").get_by_role("link", name="Daftar").tap()
    expect(page.get_by_role("heading", name="Buat akun")).to_be_visible()
    phone.look("21-daftar")


def test_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Choose your beans")).to_be_focused()
