"""A role in the browser: given in People, used on its pages and by a key, and taken away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import axe
from conftest import Watch
from stack import Stack
from visitor import Visitor, log_in_as_admin

PASSWORD = "kunci-laporan-2026"  # noqa: S105  (a test's)
DASHBOARD, KEYS = "/account/dashboard/", "/account/keys/"
REFUSED_WITHIN = 10.0
Scheme = Literal["light", "dark"]


def window(browser: Browser, stack: Stack, watch: Watch, scheme: Scheme = "light") -> Page:
    context = browser.new_context(
        base_url=stack.shop_url, locale="en-GB", timezone_id="Asia/Jakarta", color_scheme=scheme
    )
    watch.follow(context)
    return context.new_page()


@pytest.fixture
def admin(browser: Browser, stack: Stack, watch: Watch) -> Iterator[Page]:
    """The administration, on an ordinary screen."""
    page = window(browser, stack, watch)
    log_in_as_admin(page)
    yield page
    page.context.close()


def log_in(page: Page, email: str, address: str) -> None:
    page.goto(address)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()


def find(admin: Page, name: str) -> None:
    admin.goto(f"/admin/sespan/access/?role=all&q={name}")
    admin.get_by_role("link", name=name).click()


def set_roles(admin: Page, name: str, **roles: bool) -> None:
    find(admin, name)
    for role, given in roles.items():
        admin.get_by_role("checkbox", name=f"{role}:").set_checked(given)
    admin.get_by_role("button", name="Save").click()


def read(stack: Stack, key: str) -> int:
    return httpx.get(
        f"{stack.api_url}/v1/transactions",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ).status_code


def speak_indonesian(context: BrowserContext, stack: Stack) -> None:
    context.add_cookies([{"name": "django_language", "value": "id", "url": stack.shop_url}])


def test_a_role_given_used_and_taken(
    browser: Browser, admin: Page, stack: Stack, watch: Watch
) -> None:
    watch.expect_status(403)
    email = stack.person("rina", PASSWORD)
    rina = window(browser, stack, watch)
    log_in(rina, email, DASHBOARD)
    expect(rina.get_by_role("heading", name="Not for this login")).to_be_visible()

    set_roles(admin, "rina", dashboard=True, report=True)
    expect(admin.get_by_text(f"{email} has now: dashboard, report.")).to_be_visible()
    Visitor(admin, stack.inbox).look("people-roles", audit=False)
    rina.goto(DASHBOARD)
    expect(rina.get_by_role("heading", name="API hits per day")).to_be_visible()
    bar = rina.get_by_role("navigation", name="Pages for staff")
    bar.get_by_role("link", name="Keys").click()
    key = make_key(rina, stack)
    assert read(stack, key) == httpx.codes.OK

    admin.goto("/admin/sespan/apikey/")  # leads to the page of keys
    row = admin.get_by_role("row", name="Books of November")
    expect(row).to_contain_text("rina")
    expect(row.get_by_role("link", name="Rotate")).to_have_count(0)
    Visitor(admin, stack.inbox).look("keys-admin")
    assert axe.violations(admin) == []

    set_roles(admin, "rina", dashboard=False, report=False)
    taken = time.monotonic()
    expect(admin.get_by_text(f"{email} has no role any more")).to_be_visible()
    for address in (DASHBOARD, KEYS):
        rina.goto(address)
        expect(rina.get_by_role("heading", name="Not for this login")).to_be_visible()
    look_at_the_audit(admin, stack)
    while read(stack, key) != httpx.codes.UNAUTHORIZED:
        assert time.monotonic() - taken < REFUSED_WITHIN
        time.sleep(0.2)  # another program: it sends no signal
    rina.context.close()


def make_key(page: Page, stack: Stack) -> str:
    expect(page.get_by_text("No key is in force.")).to_be_visible()
    page.get_by_label("What it is for").fill("Books of November")
    page.get_by_label("Ends after (days)").fill("30")
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_label("Books of November").input_value()
    assert key not in page.url
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    Visitor(page, stack.inbox).look("keys-made")
    assert axe.violations(page) == []
    return key


def look_at_the_audit(page: Page, stack: Stack) -> None:
    page.goto("/admin/sespan/auditentry/")
    table = page.locator("#result_list")
    expect(table.get_by_text("dashboard, report →").first).to_be_visible()
    Visitor(page, stack.inbox).look("audit", audit=False)
    hidden = "(table) => table.parentElement.scrollWidth - table.parentElement.clientWidth"
    assert table.evaluate(hidden) <= 0, "the last column is behind the filters"


def test_keys_by_keyboard_phone_and_dark(browser: Browser, stack: Stack, watch: Watch) -> None:
    watch.expect_status(409, 422)
    email = stack.person("rizal", PASSWORD, "Sespan report")
    page = window(browser, stack, watch, "dark")
    log_in(page, email, KEYS)
    page.get_by_label("What it is for").fill("Spreadsheet")
    page.get_by_label("Ends after (days)").fill("91")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("90")
    page.get_by_label("Ends after (days)").fill("90")
    page.keyboard.press("Enter")
    first = page.get_by_label("Spreadsheet").input_value()
    page.reload()  # sends the form again
    expect(page.get_by_role("alert")).to_contain_text("sent before")
    expect(page.get_by_role("row", name="Spreadsheet")).to_have_count(1)

    page.get_by_role("link", name="Rotate Spreadsheet").press("Enter")
    page.get_by_label("The old key ends").select_option("3600")
    Visitor(page, stack.inbox, "dark").look("keys-rotate")
    page.get_by_role("button", name="Rotate the key").press("Enter")
    second = page.get_by_label("Spreadsheet").input_value()
    assert first != second
    Visitor(page, stack.inbox, "dark").look("keys-made")
    page.get_by_role("link", name="back to the keys").click()
    expect(page.get_by_role("row", name="Spreadsheet")).to_have_count(2)

    page.get_by_role("link", name="Revoke Spreadsheet").last.click()
    Visitor(page, stack.inbox, "dark").look("keys-revoke")
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_role("status")).to_contain_text("is revoked")
    page.get_by_text("1 key that is over").click()
    Visitor(page, stack.inbox, "dark").look("keys")
    assert axe.violations(page) == []

    page.set_viewport_size({"width": 390, "height": 844})
    speak_indonesian(page.context, stack)
    page.goto(KEYS)
    expect(page.get_by_role("heading", name="Kunci yang berlaku")).to_be_visible()
    page.emulate_media(color_scheme="light")
    page.locator("summary").click()
    Visitor(page, stack.inbox, "phone").look("keys")
    assert axe.violations(page) == []
    page.context.close()
