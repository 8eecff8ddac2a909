"""Draw on the budgets of an address and of this visitor, or on that of a known browser."""

from __future__ import annotations

from typing import TypedDict

from django.http import HttpRequest

from django_sespan import known_browser
from django_sespan._internal.budgets import Noun
from django_sespan._internal.runtime import runtime
from django_sespan.client_ip import visitor


class _Whose(TypedDict):
    known: bool
    visitor: str | None


def draw(request: HttpRequest | None, noun: Noun, email: str) -> int:
    """Count a use and return 0, or count nothing and return the seconds to wait."""
    return runtime.budgets.take(noun, email, **_whose(request, email))


def look(request: HttpRequest | None, noun: Noun, email: str) -> int:
    """Return what `draw` would, and count nothing."""
    return runtime.budgets.wait(noun, email, **_whose(request, email))


def give_back(request: HttpRequest | None, noun: Noun, email: str) -> None:
    """Undo the newest `draw`."""
    runtime.budgets.give_back(noun, email, **_whose(request, email))


def _whose(request: HttpRequest | None, email: str) -> _Whose:
    return {"known": known_browser.is_known(request, email), "visitor": visitor(request)}
