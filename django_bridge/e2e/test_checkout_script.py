"""`checkout.js` while things fail: each line of its table in docs/errors.md, in one page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from stack import ROOT

if TYPE_CHECKING:
    from conftest import Watch
    from stack import Stack
    from visitor import Visitor

DRAWS, TOKENS = "**/v1/transactions", "**/account/checkout-token/"
ATTEMPTS = 3
TEXTS = {
    "login": "You were logged out. Please log in again.",
    "busy": "Many people are drawing. Place your order: your ticket is drawn then.",
    "error": "Your ticket could not be drawn now. Place your order: it is drawn then.",
}
# What the script waits between attempts is 300 ms · 2^attempt · (0.5 + random): nothing here.
AT_ONCE = """
  Math.random = () => -0.5;
  window.failures = [];
  document.addEventListener("sespan:error", ({ detail }) => window.failures.push(detail));
"""

# What the box says wrongly, and the status that the site answers with.
OF_THE_BOX = {
    "timeout": ("timeout", "150", 0),
    "csrf": ("csrfToken", "x" * 64, 403),
    "bad-request": ("orderRef", "broken reference", 400),
    "not-found": ("orderRef", "TKS-OTHER", 404),
}
SWAP = """(box, [name, value]) => {
  const was = box.dataset[name] ?? null;
  if (value === null) delete box.dataset[name];
  else box.dataset[name] = value;
  return was;
}"""


class Line(NamedTuple):
    """A line of the table."""

    code: str
    status: str
    again: str
    text: str


def table() -> list[Line]:
    """Return the table of the script's failures."""
    page = (ROOT / "docs" / "errors.md").read_text().partition("\n## The checkout's script\n")[2]
    row = r"^\| `([a-z-]+)` \| (\S+) \| .+ \| (yes|no|by status) \| (\S+|by status) \|$"
    rows = re.findall(row, page, re.MULTILINE)
    return [Line(code, status, again, text.strip("`")) for code, status, again, text in rows]


@dataclass
class Checkout:
    """The box on the page of a checkout, with what it asks for being answered otherwise."""

    page: Page
    stack: Stack

    def __post_init__(self) -> None:
        self.asked: list[str] = []
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.method == "POST" and re.search("checkout-token|/v1/transactions", request.url):
            self.asked.append(request.url.rpartition("/")[2] or "token")

    @property
    def box(self) -> Locator:
        return self.page.locator("[data-sespan-checkout]")

    @property
    def again(self) -> Locator:
        return self.page.get_by_role("button", name="Draw again")

    def draw_again(self) -> dict[str, Any]:
        """Press the button until the failure is told; return what the page's event says."""
        self.asked.clear()
        before = self.page.evaluate("() => failures.length")
        self.again.evaluate("button => { button.click(); button.click(); }")
        self.page.wait_for_function("n => failures.length > n", arg=before)
        expect(self.box).to_have_attribute("data-state", "error")
        expect(self.again).to_be_enabled()
        assert self.page.evaluate("() => failures.length") == before + 1
        detail: dict[str, Any] = self.page.evaluate("() => failures.at(-1)")
        return detail

    def check(self, line: Line, status: int, tries: int) -> None:
        """Draw, and compare what the page does with the line of the table."""
        detail = self.draw_again()
        where = (line.code, detail, self.asked)
        assert (detail["code"], detail["status"]) == (line.code, status), where
        assert detail["retryable"] == (tries > 1), where
        assert len(self.asked) in {tries, 2 * tries}, where  # refused by the site, or by Sespan
        expect(self.page.locator("[data-sespan-status]")).to_have_text(TEXTS[line.text])

    @contextmanager
    def failing(self, line: Line) -> Iterator[int]:
        """Let draws fail as a line says; give the status."""
        name, value, status = OF_THE_BOX.get(line.code, ("", "", 0))
        was = self._swap(name, value) if name else None
        if line.code == "timeout":
            self.page.route(DRAWS, lambda _: None)
        elif line.code == "network":
            self.page.route(DRAWS, lambda route: route.abort())
        elif not name:
            status = int(line.status)
            self.page.route(DRAWS, self.answers(status, line.code))
        yield status
        self.page.unroute(DRAWS)
        if name:
            self._swap(name, was)

    def _swap(self, name: str, value: str | None) -> str | None:
        was: str | None = self.box.evaluate(SWAP, [name, value])
        return was

    def answers(self, status: int, slug: str, **headers: str) -> Callable[[Route], None]:
        """Answer as the service does."""
        allowed = {
            "Access-Control-Allow-Origin": self.stack.shop_url,
            "Access-Control-Expose-Headers": "Retry-After",
        }
        body = {"type": f"urn:sespan:problem:{slug}", "title": slug, "status": status}
        return lambda route: route.fulfill(
            status=status,
            json=body,
            headers=allowed | {"Content-Type": "application/problem+json"} | headers,
        )


def a_proxys_page(status: int) -> Callable[[Route], None]:
    """Answer as something on the way does."""
    headers = {"Content-Type": "text/html", "Access-Control-Allow-Origin": "*"}
    return lambda route: route.fulfill(status=status, headers=headers, body="<p>Hello</p>")


@pytest.fixture
def checkout(visitor: Visitor, stack: Stack, watch: Watch) -> Checkout:
    """A customer at the checkout, whose first draw has failed."""
    watch.expect_status(400, 401, 403, 404, 409, 422, 429, 500, 503)
    visitor.join()
    visitor.page.route(DRAWS, lambda route: route.abort())
    visitor.page.add_init_script(AT_ONCE)
    visitor.buy("gift-box")
    expect(visitor.page.locator("[data-sespan-checkout]")).to_have_attribute("data-state", "error")
    visitor.page.unroute(DRAWS)
    return Checkout(visitor.page, stack)


def test_each_failure_of_the_table(visitor: Visitor, checkout: Checkout, stack: Stack) -> None:
    """The page says what the table says, asks as often, and the order is drawn in the end."""
    page = checkout.page
    ref = checkout.box.get_attribute("data-order-ref")
    lines = {line.code: line for line in table()}
    assert page.evaluate(DRAW_AND_GIVE_UP) == lines.pop("aborted").code
    other = lines.pop("invalid-response")
    for status, text, tries in ((200, "error", 1), (503, "busy", ATTEMPTS), (404, "error", 1)):
        page.route(DRAWS, a_proxys_page(status))
        checkout.check(other._replace(text=text), status, tries)
        page.unroute(DRAWS)
    assert len(lines) >= 14
    for line in lines.values():
        with checkout.failing(line) as status:
            checkout.check(line, status, ATTEMPTS if line.again == "yes" else 1)

    # The site answers in the same words, and how long to wait is told and kept to.
    page.route(TOKENS, checkout.answers(503, "unavailable", **{"Retry-After": "0"}))
    assert checkout.draw_again()["retryAfter"] == 0
    assert checkout.asked == ["token"] * ATTEMPTS
    page.unroute(TOKENS)

    checkout.again.click()
    visitor.expect_draw("You won 20 % off!")
    visitor.expect_to_pay("308.000")
    expect(checkout.again).to_be_hidden()
    draws = "SELECT count(*) FROM sespan.transaction_log WHERE order_ref = %s"
    assert stack.rows(draws, ref) == [(1,)]


DRAW_AND_GIVE_UP = """async () => {
  const script = document.querySelector("script[src*='/checkout.']").src;
  const { draw } = await import(script);
  const { dataset } = document.querySelector("[data-sespan-checkout]");
  const giving = new AbortController();
  const told = draw({ ...dataset, timeout: 8000, signal: giving.signal }).catch((e) => e.code);
  giving.abort();
  return told;
}"""


def test_late_and_lost_answers(visitor: Visitor, checkout: Checkout, stack: Stack) -> None:
    """An answer that was given up replaces no later one; who leaves and returns has one draw."""
    page, box = checkout.page, checkout.box
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(DRAWS, hold_the_first)
    box.evaluate("box => { box.dataset.timeout = '1500'; }")
    checkout.again.click()
    visitor.expect_draw("You won 20 % off!")
    late = {
        "discounted": False,
        "transaction_amount": "385000.00",
        "discounted_amount": "385000.00",
    }
    origin = {"Access-Control-Allow-Origin": stack.shop_url}
    held[0].fulfill(status=201, json=late, headers=origin)
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    visitor.expect_draw("You won 20 % off!")
    visitor.expect_to_pay("308.000")

    # Slow again, on the page of another order: left, and come back to.
    page.unroute(DRAWS)
    page.route(DRAWS, lambda _: None)
    ref = visitor.buy("mug")  # with the gift box: another order
    expect(box).to_have_attribute("data-state", "drawing")
    expect(box).to_have_attribute("aria-busy", "true")
    page.goto("/cart/")
    page.unroute(DRAWS)
    page.go_back()
    visitor.expect_draw("You won 20 % off!")
    draws = "SELECT count(*) FROM sespan.transaction_log WHERE order_ref = %s"
    assert stack.rows(draws, ref) == [(1,)]

    # Nobody has to wait for the draw: the order is placed at its price while it is under way.
    page.route(DRAWS, lambda _: None)
    page.reload()
    expect(box).to_have_attribute("data-state", "drawing")
    visitor.fill_address()
    visitor.place()
    expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
    visitor.expect_to_pay("360.000")


def test_logged_out_meanwhile(visitor: Visitor, checkout: Checkout) -> None:
    page = checkout.page
    page.context.clear_cookies(name=re.compile("session"))
    assert checkout.draw_again()["code"] == "unauthorized"
    expect(page.locator("[data-sespan-status]")).to_have_text(TEXTS["login"])
    page.reload()
    expect(page).to_have_url(re.compile(r"/account/login/\?next=/checkout/"))
    page.get_by_label("E-mail address").fill(visitor.email)
    page.get_by_label("Password").fill("kopi-tubruk-88")
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    visitor.expect_draw("You won 20 % off!")
