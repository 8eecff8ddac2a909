"""The category of mails that somebody else's code sends: what is under way gives it.

    with category("password_reset"):
        super().save(...)

A mail's own `message.sespan` comes before it, the option of its backend after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PASSWORD_RESET = "password_reset"  # noqa: S105  (a name)

_under_way: ContextVar[str | None] = ContextVar("sespan_mail_category", default=None)


@contextmanager
def category(name: str) -> Iterator[None]:
    """Give it to the mails that are sent in this block."""
    token = _under_way.set(name)
    try:
        yield
    finally:
        _under_way.reset(token)


def under_way() -> dict[str, str]:
    """Return the option, or nothing."""
    name = _under_way.get()
    return {"category": name} if name else {}
