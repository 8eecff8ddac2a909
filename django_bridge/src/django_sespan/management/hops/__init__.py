"""The hops of a code from this site to a mailbox, as `manage.py sespan_verify` takes them.

    settings ─▶ database ─▶ queue ─▶ service ─▶ code ─▶ mail, delivery ─▶ (typed)

Each hop is a function that gives a sentence about what is well, or raises Trouble with
what is wrong and what mends it. None of them changes a customer, and none shows the
key or a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Trouble(Exception):
    """What is wrong, and the command or setting that mends it."""

    def __init__(self, wrong: str, mend: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.mend = mend


@dataclass(frozen=True)
class Hop:
    """One step: its name in the left column and what it does."""

    name: str
    go: Callable[[], str]
