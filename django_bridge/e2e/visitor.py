"""A person in a browser: what the tests do on the shop's pages."""

from __future__ import annotations

import itertools
import secrets
from pathlib import Path

from playwright.sync_api import Page, expect

from inbox import Inbox, Mail
from stack import ADMIN_EMAIL, ADMIN_PASSWORD

SCREENSHOTS = Path(__file__).resolve().parents[2] / "test-results" / "screenshots"
PASSWORD = "kopi-tubruk-88"  # noqa: S105  (a test's)
_names = itertools.count(1)

# What a page must not have: nameless controls, pictures without alt, doubled ids, and the like.
AUDIT = """() => {
  const faults = [];
  const named = (e) => e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim();
  const controls = "input:not([type=hidden]), select, textarea, button, a";
  for (const e of document.querySelectorAll(controls)) {
    if (!named(e)) faults.push("no name: " + e.outerHTML.slice(0, 120));
  }
  for (const e of document.querySelectorAll("img:not([alt])")) faults.push("no alt: " + e.src);
  for (const e of document.querySelectorAll("img")) {
    if (e.complete && e.src && !e.naturalWidth) faults.push("broken picture: " + e.src);
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  faults.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => "doubled id: " + id));
  for (const e of document.querySelectorAll("[aria-describedby]")) {
    for (const id of e.getAttribute("aria-describedby").split(/\\s+/)) {
      if (!document.getElementById(id)) faults.push("described by nothing: " + id);
    }
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`scrolls sideways: ${scrollWidth} > ${clientWidth}`);
  return faults;
}"""

# Lazy pictures below the fold would be blank in a picture of the whole page.
EAGER = """() => Promise.all([...document.images].map((image) => {
  image.loading = "eager";
  return image.complete || new Promise((done) => { image.onload = image.onerror = done; });
}))"""


def log_in_as_admin(page: Page) -> None:
    """Open the administration."""
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill(ADMIN_EMAIL)
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_role("button", name="Log in").click()


class Visitor:
    """One browser window and the mailbox behind it."""

    def __init__(self, page: Page, inbox: Inbox, device: str = "desktop") -> None:
        self.page, self.inbox, self.device = page, inbox, device
        self.username = f"siti{next(_names)}{secrets.token_hex(3)}"
        self.email = f"{self.username}@example.com"

    def look(self, name: str, *, audit: bool = True) -> None:
        """Keep a picture of the page and check its markup."""
        self.page.evaluate(EAGER)
        if audit:
            faults = self.page.evaluate(AUDIT)
            assert faults == [], f"{name}: {self.page.url}"  # noqa: S101
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{self.device}-{name}.png"
        self.page.screenshot(path=file, full_page=True, animations="disabled")

    def register(self) -> Mail:
        """Register; return the mail with the code."""
        self.send_registration()
        return self.inbox.wait_for(self.email)[0]

    def send_registration(self) -> None:
        """Fill in the registration and send it; the code page follows."""
        self.fill_registration()
        self.page.get_by_role("button", name="Register").click()
        expect(self.page).to_have_url("/account/code/")

    def fill_registration(self, password: str = PASSWORD) -> None:
        """Fill in the registration."""
        self.page.goto("/account/register/")
        self.page.get_by_label("Username").fill(self.username)
        self.page.get_by_label("E-mail address").fill(self.email)
        self.page.get_by_label("Phone number").fill("0812 3456 7890")
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_label("Password confirmation").fill(password)

    def log_in(self, password: str = PASSWORD) -> None:
        """Fill in the login page and send it."""
        self.page.goto("/account/login/")
        self.page.get_by_label("E-mail address").fill(self.email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("main").get_by_role("button", name="Log in").click()

    def enter_code(self, code: str) -> None:
        """Type a code and send it."""
        self.page.get_by_label("Code from the e-mail").fill(code)
        self.page.get_by_role("button", name="Confirm").click()

    def join(self) -> None:
        """Register, verify and be logged in."""
        self.enter_code(self.register().code)
        self.expect_logged_in()

    def expect_logged_in(self) -> None:
        """Check that the page's frame knows this person."""
        expect(self.page.get_by_role("link", name=self.username)).to_be_visible()

    def buy(self, *slugs: str) -> str:
        """Put products into the cart and go to the checkout; return the order's reference."""
        for slug in slugs:
            self.page.goto(f"/product/{slug}/")
            self.page.get_by_role("button", name="Add to cart").click()
        self.page.goto("/cart/")
        self.page.get_by_role("button", name="Check out").click()
        return self.page.locator("[data-sespan-checkout]").get_attribute("data-order-ref") or ""

    def expect_draw(self, text: str) -> None:
        """Check what the box says after the Ajax call."""
        expect(self.page.locator("[data-sespan-checkout]")).to_have_attribute("data-state", "drawn")
        expect(self.page.get_by_role("status").filter(has_text=text)).to_be_visible()

    def fill_address(self) -> None:
        """Say where the order goes."""
        self.page.get_by_label("Recipient").fill("Siti Rahayu")
        self.page.get_by_label("Street and house number").fill("Jl. Melati 7")
        self.page.get_by_label("City").fill("Bandung")
        self.page.get_by_label("Postal code").fill("40115")

    def place(self) -> None:
        """Place the order."""
        self.page.get_by_role("button", name="Place the order").click()

    def expect_to_pay(self, amount: str) -> None:
        """Check the sum on the page of an order or a checkout."""
        row = self.page.locator(".sums .total")
        expect(row).to_contain_text(f"Rp\N{NO-BREAK SPACE}{amount}")
