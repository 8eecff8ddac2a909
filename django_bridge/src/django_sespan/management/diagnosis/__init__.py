"""The steps of a code from this site to a mailbox, as `manage.py sespan_verify` takes them.

    settings ─▶ database ─▶ queue ─▶ service ─▶ code ─▶ mail, delivery ─▶ (typed)

Each step is a function that gives a sentence about what works, or raises DiagnosisFailed with
what is wrong and what fixes it. None of them changes a customer, and none shows the
key or a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class DiagnosisFailed(Exception):
    """What is wrong, and the command or setting that fixes it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Step:
    """One step: its name in the left column and what it does."""

    name: str
    run: Callable[[], str]
