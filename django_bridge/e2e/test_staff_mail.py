"""Staff and mails in the browser: content without anything from the network, cancel, pause."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from conftest import Watch
from stack import Stack
from visitor import Visitor, log_in_as_admin

# Every way in which a mail may ask its reader's browser to call home.
HOSTILE = """<html><head><base href="{away}/"><link rel="stylesheet" href="{away}/css">
<link rel="preload" as="image" href="{away}/preload"><link rel="prefetch" href="{away}/prefetch">
<meta http-equiv="refresh" content="0;url={away}/refresh">
<style>@import url({away}/import); body {{ background: url({away}/background) }}
@font-face {{ font-family: x; src: url({away}/font) }} p {{ font-family: x }}</style></head><body>
<h1>Kopi</h1><p style="background: url({away}/inline)">Hello</p><img src="{away}/img" alt="logo">
<picture><source srcset="{away}/srcset"><img src="{away}/picture" alt=""></picture>
<video src="{away}/video" poster="{away}/poster" autoplay></video>
<audio src="{away}/audio" autoplay></audio><object data="{away}/object"></object>
<embed src="{away}/embed"><iframe src="{away}/frame"></iframe>
<script src="{away}/script"></script><script>document.body.textContent = "taken"</script>
<svg><image href="{away}/svg"/></svg><form action="{away}/form"><button>Go</button></form>
</body></html>"""


@pytest.fixture
def away() -> Iterator[tuple[str, list[str]]]:
    """Run a server elsewhere; gives its address and what it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def staff(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The administration, as its page. What a hostile mail is denied stands on the console."""
    context = browser.new_context(base_url=stack.shop_url, locale="en-GB")
    watch = Watch()
    context.on("response", watch._response)  # noqa: SLF001  (statuses only)
    page = context.new_page()
    log_in_as_admin(page)
    yield page
    context.close()
    assert watch.complaints == []


def enqueue(stack: Stack, html: str) -> int:
    """Queue a mail that waits until tomorrow."""
    ((number,),) = stack.rows(
        "SELECT sespan.mail_enqueue(recipient => 'budi@example.com', subject => 'Kopi',"
        " body_text => 'plain words', body_html => %s::text, category => 'news',"
        " send_at => now() + interval '1 day')",
        html,
    )
    return int(number)


def test_a_hostile_mail_makes_no_request(
    staff: Page, stack: Stack, away: tuple[str, list[str]]
) -> None:
    address, asked = away
    number = enqueue(stack, HOSTILE.format(away=address))
    for _ in range(3):  # browsers look ahead, not always in the same order
        staff.goto(f"/admin/sespan/mailmessage/{number}/change/")
        staff.get_by_role("button", name="Read the content").click()
        frame = staff.frame_locator("iframe.sespan-frame")
        expect(frame.get_by_role("heading", name="Kopi")).to_be_visible()
        expect(staff.get_by_text("plain words")).to_be_visible()
        staff.wait_for_load_state("networkidle")
    assert asked == []
    ((readings,),) = stack.rows(
        "SELECT count(*) FROM sespan.audit WHERE action = 'preview' AND ids @> ARRAY[%s::bigint]",
        number,
    )
    assert readings == 3


def test_find_and_cancel(staff: Page, stack: Stack) -> None:
    number = enqueue(stack, "<p>hi</p>")
    staff.goto("/admin/sespan/mailmessage/")
    staff.get_by_label("State:").select_option("scheduled")
    staff.get_by_label("Recipient or number:").fill("budi@")
    staff.get_by_role("button", name="Search").click()
    Visitor(staff, stack.inbox, "staff").look("11-mails", audit=False)
    staff.get_by_label(f"Select mail {number}").check()
    staff.get_by_label("Action:").select_option("cancel")
    staff.get_by_role("button", name="Go", exact=True).click()
    staff.get_by_role("button", name="Yes, I’m sure").click()
    expect(staff.get_by_text("The mail to 1 recipient was cancelled.")).to_be_visible()
    staff.goto(f"/admin/sespan/mailmessage/{number}/change/")
    expect(staff.get_by_text("Cancelled", exact=True)).to_be_visible()
    expect(staff.get_by_role("button", name="Cancel")).to_be_disabled()
    Visitor(staff, stack.inbox, "staff").look("12-mail", audit=False)


def test_pause_and_resume(staff: Page, stack: Stack) -> None:
    staff.goto("/admin/sespan/mailqueue/")
    staff.get_by_label("Pause:").select_option("category")
    staff.get_by_label("Name:").fill("news")
    staff.get_by_role("button", name="Pause").click()
    expect(staff.get_by_text("“The category news” is paused.")).to_be_visible()
    Visitor(staff, stack.inbox, "staff").look("13-mail-queue", audit=False)
    staff.get_by_role("button", name="Resume").click()
    expect(staff.get_by_text("“The category news” is sent again.")).to_be_visible()
