"""The development inbox, as the tests read it."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import Any

import httpx

ARRIVES_WITHIN = 60.0  # a relay that was away is tried again after up to 30


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

    def wait_for(self, address: str, count: int = 1) -> list[Mail]:
        """Wait until as many mails to an address have arrived; return all of them, oldest first."""
        end = time.monotonic() + ARRIVES_WITHIN
        found, version = self._list(address)
        while len(found) < count:
            left = math.ceil(end - time.monotonic())
            if left <= 0:
                raise AssertionError(f"{len(found)} of {count} mail(s) to {address} arrived")
            found, version = self._list(address, since=version, wait=left)
        return [self._read(number) for number in sorted(found)]

    def _list(self, address: str, **waiting: int) -> tuple[list[int], int]:
        """Return the numbers of the mails to an address, and the state of the inbox."""
        answer = self._get("/api/messages", {"to": address, **waiting})
        return [mail["id"] for mail in answer["messages"]], answer["version"]

    def _read(self, number: int) -> Mail:
        mail = self._get(f"/api/messages/{number}", {})
        return Mail(tuple(mail["recipients"]), mail["subject"], mail["text"], mail["html"])

    def _get(self, path: str, query: dict[str, str | int]) -> Any:  # noqa: ANN401  (it is JSON)
        answer = httpx.get(
            f"{self.url}{path}", params=query, timeout=ARRIVES_WITHIN + 5, trust_env=False
        )
        answer.raise_for_status()
        return answer.json()
