"""A bookkeeper in the browser: sums, a file that a spreadsheet opens, one order and its proof."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import axe
from conftest import Watch
from stack import Stack
from visitor import Visitor

PASSWORD = "buku-kas-2026"  # noqa: S105  (a test's)
FORMULA = "=1+cmd"
# Below 200,000 nobody wins, from there to 800,000 everybody a fifth, above no tier applies.
ORDERS = [
    ("-R-1", "150000.00"),
    ("R-2", "250000.00"),
    ("R-3", "700000.50"),
    ("R-4", "1900000.00"),
]
GROSS, DISCOUNT = Decimal("3000000.50"), Decimal("190000.10")
CANCELLED, CANCELLED_DISCOUNT = Decimal("250000.00"), Decimal("50000.00")
NET = GROSS - CANCELLED
PAID = NET - (DISCOUNT - CANCELLED_DISCOUNT)


def call(stack: Stack, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    key = (stack.work / "service.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{stack.api_url}{path}", json=body or {}, headers=headers, trust_env=False)
    assert answer.is_success, answer.text
    data: dict[str, Any] = answer.json()
    return data


@pytest.fixture(scope="module")
def customer(stack: Stack) -> str:
    """A customer whose name a spreadsheet would execute, with four orders; one is cancelled."""
    email = stack.person("rp-customer", PASSWORD)
    stack.execute("UPDATE accounts_customer SET username = %s WHERE email = %s", FORMULA, email)
    ((pk,),) = stack.rows("SELECT id FROM accounts_customer WHERE email = %s", email)
    for ref, amount in ORDERS:
        body = {"customer_id": str(pk), "order_ref": ref, "transaction_amount": amount}
        drawn = call(stack, "/v1/transactions", body)
        if ref == "R-2":
            call(stack, f"/v1/transactions/{drawn['transaction_id']}/cancel")
    return str(pk)


@pytest.fixture(scope="module")
def report_person(stack: Stack) -> str:
    return stack.person("rani", PASSWORD, "Sespan report")


def log_in(page: Page, email: str) -> None:
    page.goto("/account/reports/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()


@pytest.fixture
def reporter(browser: Browser, stack: Stack, watch: Watch, report_person: str) -> Iterator[Page]:
    """The report pages at a desk, after the login to which they lead."""
    context = browser.new_context(
        base_url=stack.shop_url, locale="en-GB", timezone_id="Asia/Jakarta"
    )
    watch.follow(context)
    page = context.new_page()
    log_in(page, report_person)
    expect(page).to_have_url(f"{stack.shop_url}/account/reports/")
    yield page
    context.close()


def download(page: Page) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download CSV").click()
    path = waiting.value.path()
    assert waiting.value.failure() is None
    return waiting.value.suggested_filename, Path(path).read_bytes()


def whole_file(page: Page, lines: int) -> tuple[str, list[dict[str, str]]]:
    """Download until the file's end, which lies a little before now, is after the last draw."""
    for _ in range(60):
        name, content = download(page)
        rows = rows_of(content)
        if len(rows) >= lines:
            return name, rows
        page.wait_for_timeout(500)
    raise AssertionError(f"only {len(rows)} lines: {content!r}")


def rows_of(content: bytes) -> list[dict[str, str]]:
    """Read a file as a spreadsheet does: byte order mark, commas, CRLF."""
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    assert csv.Sniffer().sniff(text.splitlines()[0]).delimiter == ","
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert not any(None in row or None in row.values() for row in rows), "each row has each column"
    return rows


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would execute it; a negative number is a number."""
    if cell.removeprefix("-").replace(".", "", 1).isdecimal():
        return False
    return cell[:1] in {"=", "+", "-", "@", "\t", "\r"}


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def test_the_file_has_each_order_and_its_sums(reporter: Page, customer: str) -> None:
    page = reporter
    page.goto(f"/account/reports/transactions/?{month(page)}&customer={customer}")
    assert page.locator("tbody tr").count() == len(ORDERS)
    name, rows = whole_file(page, len(ORDERS) + 1)
    assert "_until-" in name
    assert [row["entry"] for row in rows].count("draw") == len(ORDERS)
    assert [row["entry"] for row in rows].count("cancellation") == 1
    assert (total(rows, "gross_amount"), total(rows, "gross_discount")) == (GROSS, DISCOUNT)
    assert total(rows, "cancelled_amount") == CANCELLED
    assert total(rows, "net_amount") == NET
    assert total(rows, "net_amount") - total(rows, "net_discount") == PAID
    assert {row["username"] for row in rows} == {f"'{FORMULA}"}
    assert not [cell for row in rows for cell in row.values() if is_formula(cell)]


def month(page: Page) -> str:
    """Return the days of the form, which begins with this month."""
    page.goto("/account/reports/")
    first, last = (page.locator(f"#id_{name}").input_value() for name in ("first", "last"))
    return f"first={first}&last={last}"


@pytest.mark.usefixtures("customer")
def test_the_pages_for_a_bookkeeper(reporter: Page, stack: Stack) -> None:
    page, look = reporter, Visitor(reporter, stack.inbox, "desktop").look
    for period in ("Last 7 days", "This year", "This month"):
        page.get_by_role("link", name=period, exact=True).click()
        expect(page.locator(".sespan-figure").first).to_be_visible()
    expect(page.locator(".sespan-plot canvas")).to_be_visible()
    look("reports-summary")
    assert axe.violations(page) == []
    page.get_by_label("One row for each").select_option("tier")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Always").click()
    expect(page.get_by_label("Tier")).to_have_value("2")
    page.get_by_role("link", name="Transactions").click()
    look("reports-transactions")
    assert axe.violations(page) == []
    page.get_by_label("Order").fill("R-2")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="R-2").click()
    expect(page.get_by_text("Cancelled at")).to_be_visible()
    expect(page.get_by_text("lies below the threshold")).to_be_visible()
    look("reports-transaction")
    assert axe.violations(page) == []


def test_wrong_days_are_marked_and_kept(reporter: Page, stack: Stack) -> None:
    page = reporter
    page.goto("/account/reports/?first=2026-11-30&last=2026-11-01&group_by=day")
    expect(page.get_by_text("This is before the first day.")).to_be_visible()
    expect(page.get_by_label("From")).to_have_value("2026-11-30")
    described = page.get_by_label("To (inclusive)").get_attribute("aria-describedby") or ""
    assert page.locator(f"#{described}").inner_text().startswith("This is before")
    Visitor(page, stack.inbox, "desktop").look("reports-wrong-days")
    assert axe.violations(page) == []


@dataclass(frozen=True)
class Device:
    """What a person looks at the pages with."""

    name: str
    width: int
    scheme: Literal["light", "dark"]
    locale: str


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize(
    "device",
    [Device("phone", 390, "light", "en-GB"), Device("dark", 1280, "dark", "id-ID")],
    ids=lambda device: device.name,
)
def test_phone_dark_and_indonesian(
    browser: Browser, stack: Stack, watch: Watch, report_person: str, device: Device
) -> None:
    context = browser.new_context(
        base_url=stack.shop_url,
        locale="en-GB",
        color_scheme=device.scheme,
        viewport={"width": device.width, "height": 844},
    )
    watch.follow(context)
    page = context.new_page()
    log_in(page, report_person)
    context.set_extra_http_headers({"Accept-Language": device.locale})
    look = Visitor(page, stack.inbox, device.name).look
    for name, path in (("summary", ""), ("transactions", "transactions/")):
        page.goto(f"/account/reports/{path}")
        if not path:
            expect(page.locator(".sespan-plot canvas")).to_be_visible()
        look(f"reports-{name}")
        assert axe.violations(page) == []
    context.close()


@pytest.mark.usefixtures("customer")
def test_by_keyboard_alone(reporter: Page) -> None:
    page = reporter
    page.goto("/account/reports/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Show":
            break
    expect(page.get_by_role("button", name="Show")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".sespan-figure").first).to_be_visible()


def test_without_the_role_and_without_the_service(
    browser: Browser, stack: Stack, watch: Watch, report_person: str
) -> None:
    context = browser.new_context(base_url=stack.shop_url, locale="en-GB")
    watch.follow(context)
    watch.expect_status(403, 503)
    page = context.new_page()
    log_in(page, stack.person("dewi", PASSWORD, "Sespan dashboard"))
    expect(page.get_by_role("heading", name="Not for this login")).to_be_visible()
    context.clear_cookies()
    log_in(page, report_person)
    with stack.without("serve"):
        page.goto("/account/reports/")
        expect(page.get_by_role("heading", name="The service is away")).to_be_visible()
        page.goto("/account/reports/transactions.csv?first=2026-11-01&last=2026-11-30")
        expect(page.get_by_role("heading", name="The service is away")).to_be_visible()
    page.goto("/account/reports/")
    expect(page.get_by_role("heading", name="Summary")).to_be_visible()
    context.close()
