"""A message as one MIME text, built by Django, with the envelope beside it."""

from __future__ import annotations

import hashlib
from email import policy
from email.generator import BytesGenerator
from email.message import Message
from io import BytesIO
from typing import Any

from django.core.mail import EmailMessage
from django.utils.encoding import force_str


def parameters(message: EmailMessage, *, built_by_django: bool) -> dict[str, Any]:
    """Return sender, recipients and raw.

    Date and Message-ID that Django invents are left to the service, and boundaries follow
    from the content: the same mail built again is the same bytes, as an idempotency key
    asks for. A message that builds its own MIME (it may be signed) stays as it is.
    """
    built: Any = message.message()
    if built_by_django:
        given = {str(name).lower() for name in message.extra_headers}
        for name in ("Date", "Message-ID"):
            if name.lower() not in given:
                del built[name]
        _fix_boundaries(built)
    return {
        "sender": _bare(message.from_email),
        "recipients": [_bare(a) for a in message.recipients()],
        "raw": _bytes(built),
    }


def _bytes(built: Message) -> bytes:
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False).flatten(built, linesep="\r\n")
    return out.getvalue()


def _fix_boundaries(built: Message) -> None:
    for n, part in enumerate(built.walk()):
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            digest = hashlib.sha256(f"{n} {built['Subject']}".encode())
            for child in part.walk():
                if not child.is_multipart():
                    digest.update(force_str(child.get_payload()).encode(errors="replace"))
            part.set_boundary(f"=_{digest.hexdigest()[:40]}")


def _bare(address: Any) -> str:
    """Return the addr-spec of one mailbox; anything else as it is, for the database to refuse."""
    text = force_str(address)
    addresses = policy.default.header_factory("To", text).addresses
    if len(addresses) == 1 and addresses[0].domain:
        return str(addresses[0].addr_spec)
    return text
