"""Options of one mail beyond Django's arguments.

    message.sespan = {"priority": 1, "send_at": monday, "idempotency_key": "invoice-17"}

priority         0 (first) to 9 (last); 5 is usual
send_at          not before: a datetime; a naive one is in the current time zone
expires_at       not after: a datetime; a later mail is `expired` instead of sent
category         label for limits, pauses and the staff pages: 1 to 64 of A-Z a-z 0-9 . _ : -
idempotency_key  the same key again gives the same mail, for a week
on_unknown       after a lost answer of the mail server: "retry" (default; the mail may
                 arrive twice) or "hold" (a person decides)
retain_body      keep the body after sending (default: it is wiped)

None stands for "not given". A wrong key, type or value is a ValueError that names the key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.core.mail import EmailMessage
from django.utils import timezone

LAST = 9
CATEGORY = re.compile(r"[A-Za-z0-9._:-]{1,64}")
KEY = re.compile(r"[^\x00-\x1f\x7f]{1,200}")

Check = Callable[[Any], Any]
"""A given value → the value of the parameter, or None when it is wrong."""


def options(message: EmailMessage) -> dict[str, Any]:
    """Return the parameters of `sespan.mail_enqueue` that `message.sespan` asks for."""
    given = getattr(message, "sespan", None)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(f"message.sespan must be a dict of options, not {given!r}")  # noqa: TRY004
    return checked(given, "message.sespan[{!r}]")


def checked(given: Mapping[Any, Any], place: str) -> dict[str, Any]:
    """Check each value; `place` is how an error names the key."""
    values = {}
    for name, value in given.items():
        if name not in CHECKS:
            near = difflib.get_close_matches(str(name), CHECKS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(CHECKS)}"
            raise ValueError(f"{place.format(name)} is no option; {hint}")
        if value is None:
            continue
        check, expected = CHECKS[name]
        accepted = check(value)
        if accepted is None:
            raise ValueError(f"{place.format(name)} must be {expected}, not {value!r}")
        values[name] = accepted
    return values


def _priority(value: Any) -> int | None:
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST
    return int(value) if right else None


def _moment(value: Any) -> str | None:
    if not isinstance(value, datetime):
        return None
    return (timezone.make_aware(value) if timezone.is_naive(value) else value).isoformat()


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _matching(pattern: re.Pattern[str]) -> Check:
    def check(value: Any) -> str | None:
        return str(value) if isinstance(value, str) and pattern.fullmatch(value) else None

    return check


CHECKS: dict[str, tuple[Check, str]] = {
    "priority": (_priority, "an int from 0 (first) to 9 (last)"),
    "send_at": (_moment, "a datetime"),
    "expires_at": (_moment, "a datetime"),
    "category": (_matching(CATEGORY), "a str of 1 to 64 of A-Z a-z 0-9 . _ : -"),
    "idempotency_key": (
        _matching(KEY),
        "a str of 1 to 200 characters without control characters",
    ),
    "on_unknown": (_matching(re.compile("retry|hold")), "'retry' or 'hold'"),
    "retain_body": (_bool, "a bool"),
}
