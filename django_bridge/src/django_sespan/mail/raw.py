"""A message as one MIME text with the envelope beside it."""

from __future__ import annotations

from email import policy
from typing import Any

from django.core.mail import EmailMessage
from django.utils.encoding import force_str

from django_sespan.mail import structured, verbatim


def parameters(message: EmailMessage, data: bytes) -> dict[str, Any]:
    """Return sender, recipients and raw; ValueError for what no mail server would take."""
    if verbatim.too_long(data):
        raise ValueError(f"raw: a line is longer than {verbatim.LINE_LIMIT} bytes: encode the part")
    sender = _bare(message.from_email)
    recipients = [_bare(a) for a in message.recipients()]
    for field, found in (("sender", sender), *(("recipients", a) for a in recipients)):
        structured.check_domain(found, field)
    return {"sender": sender, "recipients": recipients, "raw": data}


def _bare(address: Any) -> str:
    """Return the addr-spec of one mailbox; anything else as it is, for the database to refuse."""
    text = force_str(address)
    addresses = policy.default.header_factory("To", text).addresses
    if len(addresses) == 1 and addresses[0].domain:
        return str(addresses[0].addr_spec)
    return text
