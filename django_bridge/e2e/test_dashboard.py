"""The dashboard in Chromium, on the real stack: figures, charts, refresh, and who may see it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import axe
from conftest import Watch
from stack import Stack
from visitor import Visitor

PASSWORD = "lihat-angka-2026"  # noqa: S105  (a test's)
DASHBOARD = "/account/dashboard/"
# Between 200,000 and 800,000 everybody wins a fifth; below, nobody does.
ORDERS = [("D-1", "150000.00"), ("D-2", "250000.00"), ("D-3", "500000.00")]


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def viewer_email(stack: Stack) -> str:
    """A person for the charts, and something to see on them."""
    email = stack.person("dita", PASSWORD, "Sespan dashboard")
    ((pk,),) = stack.rows("SELECT id FROM accounts_customer WHERE email = %s", email)
    key = (stack.work / "service.key").read_text().strip()
    for ref, amount in ORDERS:
        body = {"customer_id": str(pk), "order_ref": ref, "transaction_amount": amount}
        answer = httpx.post(
            f"{stack.api_url}/v1/transactions",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
        )
        assert answer.is_success, answer.text
    return email


@dataclass(frozen=True)
class Device:
    """What a person looks at the page with."""

    name: str
    width: int = 1280
    scheme: Literal["light", "dark"] = "light"
    language: str = "en"


def open_dashboard(
    browser: Browser, stack: Stack, watch: Watch, email: str, device: Device
) -> Page:
    context = browser.new_context(
        base_url=stack.shop_url,
        locale="en-GB",
        timezone_id="America/New_York",  # the page has the site's time, not the browser's
        color_scheme=device.scheme,
        viewport={"width": device.width, "height": 844},
    )
    watch.follow(context)
    page = context.new_page()
    page.goto(DASHBOARD)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{stack.shop_url}{DASHBOARD}")
    context.add_cookies(
        [{"name": "django_language", "value": device.language, "url": stack.shop_url}]
    )
    return page


@pytest.fixture
def viewer(browser: Browser, stack: Stack, watch: Watch, viewer_email: str) -> Iterator[Page]:
    """The dashboard at a desk, after the login to which it leads."""
    page = open_dashboard(browser, stack, watch, viewer_email, Device("desktop"))
    yield page
    page.context.close()


def figure(page: Page, slug: str) -> int:
    text = page.locator(f'[data-sespan-card="{slug}"] .sespan-figure').inner_text()
    return int(text.replace(",", "").replace(".", ""))


def test_figures_charts_tables_and_csv(viewer: Page, stack: Stack) -> None:
    page = viewer
    expect(page.locator(".sespan-plot canvas")).to_have_count(8)
    expect(page.get_by_text("times in Asia/Jakarta")).to_be_visible()
    ((draws,),) = stack.rows("SELECT count(*) FROM sespan.transaction_log")
    ((calls,),) = stack.rows("SELECT sum(stands_for) FROM sespan.api_log")
    assert figure(page, "draws") == draws >= len(ORDERS)
    # The page's own calls are counted, too: those of this view, and what came since.
    assert 0 < figure(page, "api-hits") <= calls + 5
    tiers = page.locator('[data-sespan-table="tiers"]')
    expect(tiers.locator("tr", has_text="Always")).to_contain_text("100.0 %")
    expect(tiers.locator("tr", has_text="Always").locator("svg rect")).to_have_count(4)
    Visitor(page, stack.inbox, "desktop").look("dashboard")
    assert axe.violations(page) == []

    panel = page.locator('[data-sespan-panel="transactions"]')
    panel.get_by_text("Table: Transactions per day", exact=True).click()
    rows = page.locator('[data-sespan-table="transactions"] tbody tr')
    assert rows.count() == 7
    with page.expect_download() as waiting:
        panel.get_by_role("link", name="Table: Transactions per day").click()
    content = Path(waiting.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert sum(int(row["draws"]) for row in found) == draws
    assert {row["utc_offset"] for row in found} == {"+0700"}


def test_ranges_and_the_keyboard(viewer: Page) -> None:
    page = viewer
    page.get_by_role("link", name="24 hours").click()
    expect(page.get_by_role("heading", name="API hits per hour")).to_be_visible()
    page.get_by_role("link", name="30 days").click()
    page.get_by_role("link", name="Weeks").click()
    expect(page.get_by_role("heading", name="API hits per week")).to_be_visible()
    page.get_by_label("From").fill("2026-01-01")
    page.get_by_label("Until").fill("2026-12-31")
    page.get_by_label("Until").press("Enter")
    expect(page.locator(".sespan-plot canvas")).to_have_count(8)
    for query in ("first=1970-01-02&last=2069-12-31", "first=1970-01-02&last=1970-01-02"):
        page.goto(f"{DASHBOARD}?{query}")
        expect(page.get_by_text("API hits: none in this period.")).to_be_visible(
            visible="2069" not in query
        )
    page.goto(DASHBOARD)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator('[data-sespan-table="api-hits"]')).to_be_visible()


def test_a_range_the_wrong_way_round(viewer: Page, stack: Stack, watch: Watch) -> None:
    watch.expect_status(422)
    page = viewer
    page.goto(f"{DASHBOARD}?first=2026-11-30&last=2026-11-01")
    expect(page.get_by_role("alert")).to_contain_text("before the first day")
    expect(page.get_by_label("From")).to_have_value("2026-11-30")
    Visitor(page, stack.inbox, "desktop").look("dashboard-wrong-range")
    assert axe.violations(page) == []


@pytest.mark.parametrize(
    "device",
    [Device("phone", width=390), Device("dark", scheme="dark", language="id")],
    ids=lambda device: device.name,
)
def test_phone_dark_and_indonesian(
    browser: Browser, stack: Stack, watch: Watch, viewer_email: str, device: Device
) -> None:
    page = open_dashboard(browser, stack, watch, viewer_email, device)
    page.goto(f"{DASHBOARD}?range=24h")
    expect(page.locator(".sespan-plot canvas")).to_have_count(8)
    if device.language == "id":
        expect(page.get_by_role("heading", name="Panggilan API per jam")).to_be_visible()
    Visitor(page, stack.inbox, device.name).look("dashboard")
    assert axe.violations(page) == []
    page.context.close()


def test_a_refresh_through_a_night(viewer: Page, stack: Stack, watch: Watch) -> None:
    """It fills in what came; without the service or the session it says so, and goes on."""
    watch.expect_status(503)
    page = viewer
    page.clock.install()
    page.goto(DASHBOARD)
    page.get_by_label("Refresh").select_option("60")
    before = figure(page, "api-hits")
    page.clock.run_for(61_000)
    said = page.get_by_role("status").filter(has_text="Updated")
    expect(said).to_be_visible()
    assert figure(page, "api-hits") > before

    page.evaluate(HIDE, True)  # a page that nobody sees asks for nothing
    seen = figure(page, "api-hits")
    page.clock.run_for(600_000)
    assert figure(page, "api-hits") == seen
    page.evaluate(HIDE, False)
    page.clock.run_for(100)
    expect(page.locator('[data-sespan-card="api-hits"] .sespan-figure')).not_to_have_text(str(seen))

    with stack.without("serve"):
        page.clock.run_for(61_000)
        expect(page.locator("[data-sespan-stale]")).to_contain_text("does not answer")
        assert figure(page, "api-hits") > before
    page.clock.run_for(61_000)
    expect(said).to_be_visible()
    expect(page.locator("[data-sespan-stale]")).to_be_hidden()

    (cookie,) = [c for c in page.context.cookies() if c["name"] == "toko_session"]
    page.context.clear_cookies()
    page.clock.run_for(61_000)
    expect(page.locator("[data-sespan-stale]")).to_contain_text("Your session has ended")
    expect(page.get_by_role("link", name="Log in again")).to_be_visible()
    Visitor(page, stack.inbox, "desktop").look("dashboard-session-over")
    page.context.add_cookies(  # as a login in another tab
        [{"name": "toko_session", "value": cookie["value"], "url": stack.shop_url}]
    )
    page.clock.run_for(61_000)
    expect(said).to_be_visible()


def test_nothing_but_the_dashboard(
    browser: Browser, stack: Stack, watch: Watch, viewer_email: str
) -> None:
    watch.expect_status(403, 503)
    page = open_dashboard(browser, stack, watch, viewer_email, Device("desktop"))
    bar = page.get_by_role("navigation", name="Pages for staff")
    expect(bar.get_by_role("link", name="Dashboard")).to_be_visible()
    expect(bar.get_by_role("link", name="Reports")).to_have_count(0)
    for path in ("/account/reports/", "/account/reports/transactions/"):
        page.goto(path)
        expect(page.get_by_role("heading", name="Not for this login")).to_be_visible()
    page.goto("/admin/")
    expect(page.get_by_label("Password")).to_be_visible()
    with stack.without("serve"):
        page.goto(DASHBOARD)
        expect(page.get_by_role("alert")).to_contain_text("The service is away")
        expect(page.get_by_role("heading", name="Mail queue")).to_be_visible()
        Visitor(page, stack.inbox, "desktop").look("dashboard-away")
        assert axe.violations(page) == []
    page.context.close()
