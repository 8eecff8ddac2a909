"""One stack for all tests, one browser window each; what a browser complains of fails the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, expect

from processes import run
from stack import ROOT, Stack
from visitor import Visitor

BROWSER = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # root has no other way to start it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

RESULTS = ROOT / "test-results"
TIMEOUT = 15_000  # milliseconds; a machine may be busy with other tests


def pytest_configure(config: pytest.Config) -> None:
    """Give Playwright a folder of its own: it empties the one it has."""
    config.option.output = str(RESULTS / "playwright")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the programs."""
    expect.set_options(timeout=TIMEOUT)
    with ExitStack() as exits:
        url = os.environ.get("SESPAN_TEST_DATABASE_URL") or exits.enter_context(_private_server())
        logs = RESULTS / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for old in logs.glob("*.log"):
            old.unlink()
        stack = Stack(url, binary(), tmp_path_factory.mktemp("stack"), logs)
        stack.start()
        exits.callback(stack.stop)
        yield stack


def _private_server() -> AbstractContextManager[str]:
    from database import private_server  # noqa: PLC0415  (only where no server is given)

    server: AbstractContextManager[str] = private_server()
    return server


def binary() -> Path:
    """Return the sespan to test, built when none is named."""
    if named := os.environ.get("SESPAN_BIN"):
        return Path(named).resolve()
    target = ROOT / "bin" / "sespan"
    run(["go", "build", "-o", target, "./cmd/sespan"], cwd=ROOT)
    return target


@pytest.fixture(scope="session")
def base_url(stack: Stack) -> str:
    """Let tests write paths instead of addresses."""
    return stack.shop_url


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the machine's Chromium; Playwright's own need not be installed."""
    return {**browser_type_launch_args, "executable_path": BROWSER, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Use an English browser in Jakarta."""
    return {**browser_context_args, "locale": "en-GB", "timezone_id": "Asia/Jakarta"}


class Watch:
    """Collects what a browser complains of: console errors, policy violations, exceptions."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.expected_statuses: set[int] = set()

    def follow(self, context: BrowserContext) -> None:
        """Listen to every page of a context."""
        context.set_default_timeout(TIMEOUT)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("response", self._response)

    def expect_status(self, *statuses: int) -> None:
        """Let answers with these statuses pass in this test."""
        self.expected_statuses.update(statuses)

    def _console(self, message: ConsoleMessage) -> None:
        # The answers themselves are watched below, with their statuses.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:  # noqa: PLR2004
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fail the test when the browser complained."""
    watch = Watch()
    yield watch
    assert watch.complaints == []  # noqa: S101


@pytest.fixture
def visitor(context: BrowserContext, page: Page, stack: Stack, watch: Watch) -> Visitor:
    """Give a person at a desktop."""
    watch.follow(context)
    return Visitor(page, stack.inbox)
