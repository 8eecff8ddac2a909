"""The development inbox, as the tests read it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import httpx

ARRIVES_WITHIN = 20.0


@dataclass(frozen=True)
class Mail:
    """One mail that arrived."""

    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str

    @property
    def code(self) -> str:
        """Return the one-time code in it."""
        found = re.search(r"^\s*(\d{6})\s*$", self.text, re.MULTILINE)
        if not found:
            raise AssertionError(f"no code in {self.subject!r}:\n{self.text}")
        return found.group(1)

    @property
    def link(self) -> str:
        """Return the first link in it."""
        found = re.search(r"https?://\S+", self.text)
        if not found:
            raise AssertionError(f"no link in {self.subject!r}:\n{self.text}")
        return found.group()


@dataclass(frozen=True)
class Inbox:
    """`sespan inbox` at an address."""

    url: str

    def mails_to(self, address: str) -> list[Mail]:
        """Return the mails to an address, oldest first."""
        answer = httpx.get(f"{self.url}/api/messages", timeout=5, trust_env=False)
        answer.raise_for_status()
        return [
            Mail(tuple(mail["to"]), mail["subject"], mail["text"], mail["html"])
            for mail in sorted(answer.json(), key=lambda mail: mail["id"])
            if address in mail["to"]
        ]

    def wait_for(self, address: str, count: int = 1) -> list[Mail]:
        """Wait until as many mails to an address have arrived and return them all."""
        end = time.monotonic() + ARRIVES_WITHIN
        while time.monotonic() < end:
            if len(found := self.mails_to(address)) >= count:
                return found
            time.sleep(0.05)  # the inbox is another program and sends no signal
        raise AssertionError(
            f"{count} mail(s) to {address} did not arrive within {ARRIVES_WITHIN} s"
        )
