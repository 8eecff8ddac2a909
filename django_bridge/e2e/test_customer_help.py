"""The page Help for customers, as a clerk at the telephone sees it: each cause, each language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

import admin_layout
import axe
from conftest import Watch
from stack import Stack
from test_admin_pages import keep
from test_people import speak_indonesian
from visitor import log_in_as_admin

PASSWORD = "kunci-pelanggan-2026"  # noqa: S105  (a test's)
CAUSES = {
    "suppressed": "Nothing is sent to this address",
    "used-up": "as many as it may",
    "not-activated": "The account waits for its first code.",
    "closed": "The account was closed",
    "delivered": "It was sent at",
    "mistyped": "The address looks mistyped",
    "active": "The account is active",
}
"""A customer for each, and what the page says of them."""
OF_DJANGO = ".breadcrumbs >"
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def customers(stack: Stack) -> dict[str, int]:
    """Make them, each with what hinders."""
    found = {}
    for cause in CAUSES:
        email = stack.person(f"help-{cause}", PASSWORD)
        if cause == "mistyped":
            email = "help-mistyped@gmial.com"
            stack.execute(
                "UPDATE accounts_customer SET email = %s WHERE email = %s",
                email,
                "help-mistyped@example.com",
            )
        ((found[cause],),) = stack.rows("SELECT id FROM accounts_customer WHERE email = %s", email)
        if cause not in {"active", "closed"}:
            stack.execute(
                "INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES (%s, now())"
                " ON CONFLICT (customer_id) DO UPDATE SET used_at = NULL, revoked_at = NULL,"
                " granted_at = now()",
                found[cause],
            )
        if cause != "active":
            stack.execute(
                "UPDATE accounts_customer SET is_active = false WHERE id = %s", found[cause]
            )
        if cause in {"suppressed", "used-up", "delivered"}:
            _code(stack, found[cause], email)
    stack.execute(
        "INSERT INTO sespan.otp_activation (customer_id, granted_at, revoked_at)"
        " VALUES (%s, now(), now()) ON CONFLICT (customer_id) DO UPDATE SET revoked_at = now()",
        found["closed"],
    )
    stack.execute(
        "INSERT INTO sespan.mail_suppression (address, scope, reason, source, detail) VALUES"
        " ('help-suppressed@example.com', 'all', 'bounce', 'relay', '550 5.1.1 no such user')"
    )
    stack.execute(
        "INSERT INTO sespan.budget (budget_key, used_at)"
        " SELECT sespan.budget_key('mails_address', 'help-used-up@example.com'),"
        " array_agg(now() - interval '5 minutes') FROM generate_series(1, 5)"
    )
    stack.execute(
        "INSERT INTO sespan.otp_budget (budget_key, wrong_at)"
        " SELECT sespan.otp_budget_key('help-used-up@example.com', 'registration', false),"
        " array_agg(now() - interval '2 minutes') FROM generate_series(1, 10)"
    )
    return found


def _code(stack: Stack, customer: int, email: str) -> None:
    """A code whose mail ended as mails to such a customer do."""
    stack.execute(
        "WITH c AS (INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key,"
        " address_key, known_browser, sent_at, valid_until, decoy, purpose, locale, email) VALUES"
        " (gen_random_uuid(), %s, sespan.otp_budget_key(%s, 'registration', false), %s, false,"
        " now(), now() + interval '10 minutes', false, 'registration', 'en', %s) RETURNING *)"
        " INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, message_id, purpose,"
        " email, key_id, otp_number) SELECT customer_id, challenge_id, valid_until,"
        " nextval('sespan.mail_message_id_seq'), purpose, email, 'k', sha256('') FROM c",
        customer,
        email,
        email,
        email,
    )
    held = "suppressed" in email
    stack.execute(
        "INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, code,"
        " recipient, reason, reply, relay) SELECT message_id * 1024, message_id, created_at,"
        " %s, 1, %s, email, %s, %s, %s FROM sespan.otp WHERE customer_id = %s",
        "suppressed" if held else "sent",
        None if held else 250,
        "suppressed" if held else None,
        None if held else "2.0.0 Ok: queued as 4F2A1",
        None if held else "relay.example.com:587",
        customer,
    )


@pytest.fixture
def admin(browser: Browser, stack: Stack, watch: Watch) -> Iterator[Page]:
    """The administration, on an ordinary screen."""
    context = browser.new_context(
        base_url=stack.shop_url, locale="en-GB", color_scheme="light", viewport=WIDE
    )
    watch.follow(context)
    page = context.new_page()
    log_in_as_admin(page)
    yield page
    context.close()


def test_each_cause_is_told_in_both_languages(
    admin: Page, stack: Stack, customers: dict[str, int]
) -> None:
    for language in ("en", "id"):
        if language == "id":
            speak_indonesian(admin.context, stack)
        for cause, sentence in CAUSES.items():
            admin.goto(f"/admin/sespan/customerhelp/{customers[cause]}/change/")
            if language == "en":
                expect(admin.locator(".sespan-remarks")).to_contain_text(sentence)
            keep(admin, f"help-{cause}-{language}")
            assert admin_layout.faults(admin) == []


@pytest.mark.parametrize("cause", ["delivered", "suppressed"])
def test_it_looks_right_small_and_dark(admin: Page, customers: dict[str, int], cause: str) -> None:
    admin.goto(f"/admin/sespan/customerhelp/{customers[cause]}/change/")
    found = axe.violations(admin)
    admin.set_viewport_size(NARROW)
    keep(admin, f"help-{cause}-narrow")
    found += admin_layout.faults(admin)
    admin.emulate_media(color_scheme="dark")
    keep(admin, f"help-{cause}-dark")
    found += axe.violations(admin, "color-contrast")
    assert not [line for line in found if OF_DJANGO not in line]


def test_the_clerk_finds_and_frees_a_customer(admin: Page, customers: dict[str, int]) -> None:
    admin.goto("/admin/sespan/customerhelp/")
    admin.get_by_role("main").get_by_role("searchbox").fill("HELP-used-up@example.com")
    admin.get_by_role("button", name="Search").click()
    expect(admin).to_have_url(
        f"{admin.url.split('/admin/')[0]}/admin/sespan/customerhelp/{customers['used-up']}/change/"
    )
    remarks = admin.locator(".sespan-remarks")
    expect(remarks).to_contain_text("wrong codes were tried")
    admin.get_by_role("button", name="Allow mails and tries again").click()
    expect(remarks).not_to_contain_text("wrong codes were tried")
    keep(admin, "help-freed")
    admin.goto("/admin/sespan/customerhelp/?q=help-")
    expect(admin.locator("#result_list").get_by_role("row")).to_have_count(len(customers) + 1)
    keep(admin, "help-found-several")
    admin.goto("/admin/sespan/customerhelp/?q=nobody-at-all")
    expect(admin.get_by_text("No customer is found")).to_be_visible()
    keep(admin, "help-found-nobody")
