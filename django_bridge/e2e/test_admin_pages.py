"""Every page of Sespan in Django's admin, on both versions, light and dark, wide and narrow.

The pages are found by following the links: index, each list, its filters' page, the first row, the
form to add one. So a new page of the admin is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, cast

import httpx
import pytest
from playwright.sync_api import Browser, Page

import admin_layout
import axe
from conftest import Watch
from stack import NEXT_PYTHON, Stack
from visitor import SCREENSHOTS, log_in_as_admin

Scheme = Literal["light", "dark"]
SIZES = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LONG = "panjang" * 8
VERSIONS = ("5.2", "6.1") if NEXT_PYTHON.exists() else ("5.2",)
LINKS = "() => [...document.querySelectorAll('#content a')].map((a) => a.pathname)"
# What Django's own parts of its pages lack: a mark on links in a line, labels of its fields.
OF_DJANGO = re.compile(r"\.breadcrumbs >|#searchbar|v(Date|Time)Field")
AT_LEAST = 15  # pages; fewer means that the links were not found


@pytest.fixture(scope="module")
def filled(stack: Stack) -> Stack:
    """Give every list a row, with names and subjects that are long."""
    email = stack.person(f"ani-{LONG}", "kunci-ani-2026", "Sespan report")
    headers = {"Authorization": f"Bearer {(stack.work / 'service.key').read_text().strip()}"}
    with httpx.Client(base_url=stack.api_url, headers=headers, trust_env=False) as service:
        (customer,) = stack.rows("SELECT id FROM accounts_customer WHERE email = %s", email)[0]
        order = {"customer_id": customer, "order_ref": LONG, "transaction_amount": "250000.00"}
        service.post("/v1/transactions", json=order).raise_for_status()
        service.post("/v1/otp", json={"email": email, "purpose": "login"}).raise_for_status()
    stack.execute(
        "SELECT sespan.mail_enqueue(recipient => %s, subject => %s, body_text => 'x',"
        " category => 'receipt', send_at => now() + interval '1 day', retain_body => true)",
        f"{LONG}@{LONG}.example.com",
        f"Your order {LONG} is on its way to the address that you gave us",
    )
    stack.execute("SELECT sespan.mail_pause('category:news')")
    return stack


@pytest.fixture(scope="module", params=VERSIONS)
def shop(filled: Stack, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Give Django's version and the address of a shop on it."""
    if request.param == VERSIONS[0]:
        yield request.param, filled.shop_url
        return
    with filled.shop_on(NEXT_PYTHON) as address:
        yield request.param, address


def pages_of(page: Page) -> list[str]:
    """Return the paths of all pages of Sespan in the admin."""
    found = ["/admin/", "/admin/sespan/"]
    for link in _links(page, "/admin/sespan/", r"/admin/sespan/[a-z]+/"):
        found.append(link)
        inner = _links(page, link, rf"{link}(add/|[^/?]+/change/|[^/?]+/|[^/?]+/preview/)")
        rows = [path for path in inner if not path.endswith("/add/")]
        found += [path for path in inner if path.endswith("/add/")] + rows[:1]
    return list(dict.fromkeys(found))


def _links(page: Page, path: str, pattern: str) -> list[str]:
    page.goto(path)
    links = cast(
        "list[str]",
        page.evaluate(
            "() => [...document.querySelectorAll('main a, #content a')].map((a) => a.pathname)"
        ),
    )
    return [link for link in dict.fromkeys(links) if re.fullmatch(pattern, link)]


def look_at(page: Page, path: str, version: str) -> list[str]:
    """Look at a page in each size and colour, keep the pictures, return what is wrong."""
    page.set_viewport_size(SIZES["wide"])  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light")
    page.goto(path)
    # axe before the colours change, which takes Django's styles a moment.
    found = [f"{path}: {line}" for line in axe.violations(page) if not OF_DJANGO.search(line)]
    name = path.strip("/").replace("admin/", "").replace("/", "-") or "index"
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)  # type: ignore[arg-type]
            keep(page, f"admin-{version}-{name}-{size}-{scheme}")
            found += [f"{path} {size} {scheme}: {fault}" for fault in admin_layout.faults(page)]
    # The pictures took longer than the change of colours.
    dark = axe.violations(page, "color-contrast")
    return found + [f"{path} dark: {line}" for line in dark if not OF_DJANGO.search(line)]


LAYOUTS = {
    "<h1>Mails</h1><p>two</p>": [],
    '<h1 style="position: absolute; top: 0">Mails</h1><p>under it</p>': ["overlap"],
    '<p>a</p><button style="margin-top: -30px">Search</button>': ["overlap"],
    '<div style="width: 2000px">wide</div>': ["scrolls sideways"],
    '<div style="overflow: auto; width: 300px"><p style="width: 2000px">cut</p></div>': [],
    '<div class="breadcrumbs">Home</div>': ["bare breadcrumbs"],
}


@pytest.mark.parametrize("body", LAYOUTS)
def test_faults_of_a_layout_are_seen(page: Page, body: str) -> None:
    page.set_content(body)
    assert [fault.partition(":")[0] for fault in admin_layout.faults(page)] == LAYOUTS[body]


def test_pages_look_right(shop: tuple[str, str], browser: Browser, watch: Watch) -> None:
    version, address = shop
    context = browser.new_context(base_url=address, locale="en-GB", viewport=SIZES["wide"])  # type: ignore[arg-type]
    watch.follow(context)
    page = context.new_page()
    log_in_as_admin(page)
    paths = pages_of(page)
    assert len(paths) >= AT_LEAST, paths

    lines = [line for path in paths for line in look_at(page, path, version)]
    context.close()
    # Django's own lists of version 5.2 have a style in the page, which a strict policy refuses.
    watch.complaints = [text for text in watch.complaints if "inline style" not in text]
    assert not lines, "\n".join(lines)


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")
