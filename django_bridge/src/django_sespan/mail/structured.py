"""Headers that are more than text: of addresses, of identifiers, of what mailbox providers read.

The patterns are those of `sespan.mail_enqueue`: what they do not match, and Django's own
backend mails, goes as a raw message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import formataddr, getaddresses
from typing import Any

from django_sespan._internal import address
from django_sespan.mail import harmless

NAMES = frozenset(
    {
        "disposition-notification-to",
        "return-receipt-to",
        "errors-to",
        "mail-followup-to",
        "mail-reply-to",
        "x-confirm-reading-to",
        "author",
    }
)
"""Headers of addresses that Django takes for free text, besides those of lists."""
LIMIT = 64 << 10
"""Bytes of all headers, as JSON."""
MESSAGE_ID = re.compile(r"(?=.{1,500}\Z)<[!-;=?-~]+@[!-;=?-~]+>")

_LOCAL = r'(?:[^\x00-\x20\x7f"(),:;<>@\\\[\]\s]+|"(?:[^"\\<>\x00-\x1f\x7f]|\\[^<>\x00-\x1f\x7f])*")'
_NAME = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|[^()<>\[\]:;@\\,"]*)\s*')
_LABEL = "[a-zA-Z0-9_\u00a1-\U0010ffff]+"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:(?:-+|\.){_LABEL})*")
_UNSEEN = re.compile(
    "[\u0080-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\uffff]"
)
_OFFER = r"<(?:https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>"
_OFFERS = re.compile(rf"\s*{_OFFER}(?:\s*,\s*{_OFFER})*\s*", re.IGNORECASE | re.ASCII)
_ADDRESS_LIMIT = 254
_LABEL_LIMIT = 63


def is_mailbox(text: str) -> bool:
    """Whether it is one mailbox of a form that the parameters take."""
    name, angle, rest = text.rpartition("<")
    bare = (rest.rstrip("> ") if angle else text).strip(" ")
    if set(name) & set("<>") or (
        angle and not (text.rstrip().endswith(">") and _NAME.fullmatch(name))
    ):
        return False  # several, perhaps
    return bool(
        _ADDRESS.fullmatch(bare)
        and not _UNSEEN.search(bare)
        and len(bare.encode()) <= _ADDRESS_LIMIT
        and max(map(len, bare.rpartition("@")[2].split("."))) <= _LABEL_LIMIT
    )


def are_parameters(headers: Mapping[str, str]) -> bool:
    """Whether the queue takes them as they are, among them an offer to unsubscribe."""
    lower = {name.lower(): value for name, value in headers.items()}
    offer, one_click = lower.get("list-unsubscribe"), lower.get("list-unsubscribe-post")
    if offer is not None and not _OFFERS.fullmatch(offer):
        return False
    if one_click is not None and (
        one_click.strip(" ") != "List-Unsubscribe=One-Click"
        or "<https://" not in (offer or "").lower()
    ):
        return False
    return len(json.dumps(dict(headers), ensure_ascii=False).encode()) <= LIMIT


def headers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Encode only the names where Django would encode the whole, addresses too (RFC 2047, 5)."""
    return {
        name: _names_encoded(value)
        if isinstance(value, str)
        and not value.isascii()
        and (name.lower() in NAMES or name.lower().startswith("list-"))
        else value
        for name, value in given.items()
    }


def _names_encoded(value: str) -> str:
    pairs = getaddresses([value])
    if not pairs or any(not spec.isascii() or not spec or " " in spec for _, spec in pairs):
        return value
    return ", ".join(formataddr((harmless.line(name), spec), "utf-8") for name, spec in pairs)


def check_domain(mailbox: str, field: str) -> None:
    """Refuse a domain beyond ASCII that IDNA does not allow, which nobody could send to."""
    if mailbox.isascii():
        return
    bare = mailbox.rpartition("<")[2].rstrip("> ").strip(" ")
    if bare.rpartition("@")[2].isascii():
        return
    try:
        wire = address.mailbox(bare)
    except ValueError as exc:
        raise ValueError(f"{field}: {bare[:100]!r} {exc}") from exc
    if len(wire.encode()) > _ADDRESS_LIMIT:
        raise ValueError(f"{field}: {bare[:100]!r} is longer than {_ADDRESS_LIMIT} bytes")
