"""The content of a mail, made safe to look at.

HTML is shown in a frame without scripts, forms, origin or network: `sandbox` with nothing
allowed, and a policy inside the frame's document that admits styles and data: images only.
The page around it has a policy as well, which the frame inherits: browsers look ahead for
pictures before they come to the inner one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from django_sespan._internal.private_mails import masked
from django_sespan.mail.queue_admin import Row

FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'"
PAGE_POLICY = (
    "default-src 'self' 'unsafe-inline' data: {}; object-src 'none'; frame-ancestors 'self'"
)
FRAME = (
    '<!doctype html><html><head><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{FRAME_POLICY}">'
    '<meta name="referrer" content="no-referrer"><base target="_blank"></head><body>'
)


@dataclass(frozen=True)
class Content:
    """A mail as staff see it."""

    fields: list[tuple[str, str]]
    text: str | None = None
    html: str | None = None
    attachments: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    @property
    def frame(self) -> str:
        """The HTML as the document of the frame."""
        return FRAME + (self.html or "")


def page_policy() -> str:
    """Return the policy of the page: this site, and where its static files are."""
    parts = urlsplit(settings.STATIC_URL or "")
    return PAGE_POLICY.format(f"{parts.scheme or 'https'}://{parts.netloc}" if parts.netloc else "")


def mail_content(row: Row) -> Content:
    """Take the answer of `sespan.mail_preview`, without what would set a password."""
    found = _content(row)
    shown = replace(
        found,
        fields=[(name, masked(value)) for name, value in found.fields],
        text=None if found.text is None else masked(found.text),
        html=None if found.html is None else masked(found.html),
    )
    if shown == found:
        return found
    return replace(shown, note=_("A link in it that sets a password is not shown."))


def _content(row: Row) -> Content:
    if row["raw"] is not None:
        return _raw(bytes(row["raw"]), row["sentence"])
    fields = [
        ("From", row["sender"]),
        ("To", ", ".join(row["to_addresses"] or ())),
        ("Cc", ", ".join(row["cc_addresses"] or ())),
        ("Reply-To", row["reply_to"]),
        ("Subject", row["subject"]),
        *(row["headers"] or {}).items(),
    ]
    return Content(
        fields=[(name, str(value)) for name, value in fields if value],
        text=row["body_text"],
        html=row["body_html"],
        attachments=row["attachments"] or [],
        note=row["sentence"],
    )


def _raw(data: bytes, note: str) -> Content:
    message = message_from_bytes(data, policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Content(
        fields=[(name, str(value)) for name, value in message.items()],
        text=_body(text),
        html=_body(html),
        attachments=[_attachment(part) for part in message.iter_attachments()],
        note=note,
    )


def _body(part: MIMEPart | EmailMessage | None) -> str | None:
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown charset or encoding
        return str(part.get_payload())


def _attachment(part: MIMEPart) -> dict[str, Any]:
    data = part.get_payload(decode=True)
    return {
        "filename": part.get_filename(),
        "content_type": part.get_content_type(),
        "size": len(data) if isinstance(data, bytes) else None,
    }
