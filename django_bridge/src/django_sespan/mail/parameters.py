"""A Django message as the named parameters of `sespan.mail_enqueue`.

What the parameters cannot say (a MIME part of the site's own, a nested message, a
calendar alternative, a header that Sespan writes itself) goes as one raw MIME message,
built by Django, with the envelope beside it.
"""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Any

from django.core.mail import EmailMessage
from django.utils.encoding import force_bytes, force_str

OCTETS = "application/octet-stream"
OWN_HEADERS = frozenset(
    {
        "from",
        "to",
        "cc",
        "reply-to",
        "subject",
        "date",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    }
)
"""Headers that the service makes from other parameters; a site's own need a raw message."""

Parameters = dict[str, Any]


class Unsayable(Exception):
    """This message needs `raw`."""


def parameters(message: EmailMessage) -> Parameters:
    """Give the parameters; lists are arrays, dicts and lists of dicts become jsonb.

    Raises ValueError for a header with a line end, as Django's SMTP backend does.
    """
    check_lines(message)
    try:
        return _parts(message)
    except Unsayable:
        return _raw(message)


def check_lines(message: EmailMessage) -> None:
    """Refuse line ends where a header would be forged."""
    single = [message.subject, message.from_email, *message.recipients(), *message.reply_to]
    for name, value in message.extra_headers.items():
        single += [name, value]
        if str(name).lower() == "bcc":
            raise ValueError("Bcc is no header: use the message's bcc argument")
    for value in single:
        if any(c in force_str(value) for c in "\r\n"):
            raise ValueError("Header values can't contain newlines")


def _envelope(message: EmailMessage) -> Parameters:
    return {"sender": force_str(message.from_email)}


def _parts(message: EmailMessage) -> Parameters:
    found: Parameters = _envelope(message)
    found["recipients"] = [force_str(a) for a in message.to if a]
    found["cc"] = [force_str(a) for a in message.cc if a]
    found["bcc"] = [force_str(a) for a in message.bcc if a]
    found["subject"] = force_str(message.subject)
    found |= _bodies(message)
    if len(message.reply_to) > 1:
        raise Unsayable
    if message.reply_to:
        found["reply_to"] = force_str(message.reply_to[0])
    headers = {str(name): force_str(value) for name, value in message.extra_headers.items()}
    if OWN_HEADERS & {name.lower() for name in headers}:
        raise Unsayable
    found["headers"] = headers
    found["attachments"] = [_attachment(item) for item in message.attachments]
    return {name: value for name, value in found.items() if value not in ([], {}, None)}


def _bodies(message: EmailMessage) -> Parameters:
    alternatives: Sequence[Any] = getattr(message, "alternatives", None) or ()
    body = force_str(message.body)
    if message.content_subtype == "html" and not alternatives:
        return {"body_html": body}
    if message.content_subtype != "plain" or len(alternatives) > 1:
        raise Unsayable
    if not alternatives:
        return {"body_text": body}
    content, mimetype = alternatives[0]
    if mimetype != "text/html":
        raise Unsayable
    html = force_str(content)
    return {"body_text": body, "body_html": html} if body else {"body_html": html}


def _attachment(item: Any) -> Mapping[str, str]:
    if isinstance(item, Message):
        raise Unsayable
    filename, content, mimetype = item
    mimetype = mimetype or mimetypes.guess_type(filename or "")[0] or OCTETS
    if isinstance(content, Message | EmailMessage) or mimetype.startswith(
        ("message/", "multipart/")
    ):
        raise Unsayable
    found = {
        "content_type": mimetype,
        "content": base64.b64encode(force_bytes(content)).decode(),
    }
    return found | {"filename": force_str(filename)} if filename else found


def _raw(message: EmailMessage) -> Parameters:
    built = message.message()
    return _envelope(message) | {
        "recipients": [force_str(a) for a in message.recipients()],
        "raw": b"\r\n".join(built.as_bytes().splitlines()) + b"\r\n",
    }


def as_sql(found: Parameters) -> tuple[str, list[Any]]:
    """Give `sespan.mail_enqueue(…)` in named notation and its values."""
    casts = {
        "recipients": "text[]",
        "cc": "text[]",
        "bcc": "text[]",
        "headers": "jsonb",
        "attachments": "jsonb",
        "raw": "bytea",
        "priority": "integer",
    }
    arguments, values = [], []
    for name, value in found.items():
        kind = casts.get(name, "text")
        arguments.append(f"{name} => %s::{kind}")
        values.append(json.dumps(value) if kind == "jsonb" else value)
    return f"SELECT sespan.mail_enqueue({', '.join(arguments)})", values
