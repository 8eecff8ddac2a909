"""A Django message as the named parameters of `sespan.mail_enqueue`.

What the parameters cannot express (a message that makes its own MIME, a calendar
alternative, a header that Sespan writes itself) goes as one raw MIME message, built by
Django, with the envelope beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail import message as django_message
from django.utils.encoding import force_str

from django_sespan.mail import raw, structured
from django_sespan.mail.attachments import Attachments, NeedsRawMessage
from django_sespan.mail.message import built_by_django, built_by_site, copy_of, makes_its_own_mime

OWN_HEADERS = frozenset(
    {
        "from",
        "to",
        "cc",
        "reply-to",
        "subject",
        "date",
        "mime-version",
        "return-path",
        "received",
        "dkim-signature",
    }
)
"""Headers that the service makes from other parameters; a site's own need a raw message."""

BadHeaderError: type[ValueError] = getattr(django_message, "BadHeaderError", ValueError)
"""What Django raises for a line end: its own class up to 5.2."""

Parameters = dict[str, Any]


def parameters(
    message: EmailMessage, attachments: Attachments | None = None, *, lenient: bool = False
) -> Parameters:
    """Return the parameters; an attachment that is not small has "blob" for "content".

    The message stays as it is. Raises ValueError for a header with a line end, as Django's
    SMTP backend does, unless it is `lenient`.
    """
    if not lenient:
        check_lines(message)
    if makes_its_own_mime(message):
        return raw.parameters(message, built_by_site(message))
    copy = copy_of(message, lenient=lenient)
    try:
        values = _parts(copy, attachments or Attachments())
    except NeedsRawMessage:
        return raw.parameters(copy, built_by_django(copy))
    check_text(values)
    return values


def check_lines(message: EmailMessage) -> None:
    """Refuse line ends where a header would be forged."""
    single = [message.subject, message.from_email, *message.recipients(), *message.reply_to]
    for name, value in message.extra_headers.items():
        single += [name, value]
        if str(name).lower() == "bcc":
            raise ValueError("Bcc is no header: use the message's bcc argument")
    for value in single:
        if any(c in force_str(value) for c in "\r\n"):
            raise BadHeaderError("Header values can't contain newlines")


def check_text(values: Parameters) -> None:
    """Refuse a NUL and half a surrogate pair, which PostgreSQL does, without its values."""
    for name, value in values.items():
        for text in _texts(value):
            if "\x00" in text:
                raise ValueError(f"{name}: holds a NUL character")
            if not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError as exc:
                    raise ValueError(f"{name}: is not Unicode text ({exc.reason})") from None


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list):
        return [t for v in value for t in ((v,) if isinstance(v, str) else _named(v))]
    return ()


def _named(item: dict[str, Any]) -> list[str]:
    return [v for name, v in item.items() if name not in {"content", "blob"}]


def _parts(message: EmailMessage, attachments: Attachments) -> Parameters:
    values: Parameters = {"sender": _mailbox(message.from_email)}
    for field, addresses in (("recipients", message.to), ("cc", message.cc), ("bcc", message.bcc)):
        values[field] = [_mailbox(a) for a in addresses if a]
        for mailbox in values[field]:
            structured.check_domain(mailbox, field)
    structured.check_domain(values["sender"], "sender")
    values["subject"] = force_str(message.subject)
    values |= _bodies(message)
    if message.reply_to:
        values["reply_to"] = ", ".join(message.reply_to)
        if not structured.is_mailbox(values["reply_to"]):
            raise NeedsRawMessage  # several, or what Django mails without a look at it
        structured.check_domain(values["reply_to"], "reply_to")
    values["headers"] = _headers(message)
    values["attachments"] = attachments.items(message, has_html=bool(values.get("body_html")))
    return {name: value for name, value in values.items() if value not in ([], {}, None)}


def _mailbox(address: Any) -> str:
    """Return the address, unless it has a form that only a MIME header can express."""
    text = force_str(address)
    name, angle, _ = text.rpartition("<")
    if set(name) & set("<>") if angle else "(" in text:
        raise NeedsRawMessage
    return text


def _headers(message: EmailMessage) -> dict[str, str]:
    headers = {str(name): force_str(value) for name, value in message.extra_headers.items()}
    names = {name.lower() for name in headers}
    if OWN_HEADERS & names or len(names) < len(headers):
        raise NeedsRawMessage
    if any(name.startswith("content-") for name in names):
        raise NeedsRawMessage
    if not structured.are_parameters(headers):
        raise NeedsRawMessage
    return headers


def _bodies(message: EmailMessage) -> Parameters:
    alternatives: Sequence[Any] = getattr(message, "alternatives", None) or ()
    body = force_str(message.body)
    if message.content_subtype == "html" and not alternatives:
        return {"body_html": body}
    if message.content_subtype != "plain" or len(alternatives) > 1:
        raise NeedsRawMessage
    if not alternatives:
        return {"body_text": body}
    content, mimetype = alternatives[0]
    if mimetype != "text/html":
        raise NeedsRawMessage
    html = force_str(content)
    return {"body_text": body, "body_html": html} if body else {"body_html": html}
