"""A Django message of which everything may be read, changed and built: a copy.

What the site handed over stays as it is, its parts too. Texts become harmless here; what is
not ours (a MIME part, a mail, a multipart) is carried: Django builds the message around a
placeholder, in whose place its bytes are put at the end.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from email import policy
from email.errors import HeaderParseError
from email.generator import BytesGenerator
from email.header import decode_header, make_header
from email.message import Message, MIMEPart
from email.mime.base import MIMEBase
from email.utils import unquote
from io import BytesIO
from typing import Any

import django
from django.core.mail import EmailAlternative, EmailAttachment, EmailMessage, EmailMultiAlternatives
from django.utils.encoding import force_bytes
from django.utils.functional import Promise

from django_sespan.mail import harmless, structured, verbatim
from django_sespan.mail.media_type import COMPOSITE, fitting, kind_of, without_charset

OVERRIDES = (
    "message",
    "recipients",
    "_create_message",
    "_create_attachments",
    "_create_attachment",
    "_create_mime_attachment",
    "_create_alternatives",
    "_add_bodies",
    "_add_attachments",
    "_add_attachment",
    "_set_list_header_if_not_empty",
    "mixed_subtype",
    "alternative_subtype",
)
"""Whoever replaces one of these builds another message than the parameters would give."""

BODY_LIMIT = 2 << 20
"""Characters of each body of an error mail: what is longer is cut, not refused."""

_LOCAL = re.compile(r"(.*<)?\s*([\w.+-]+)\s*(>?)\s*")
"""Somebody on this machine, as local mail servers take it: root, Root <root>."""
_ENCODED_WORD = re.compile(r"=\?[A-Za-z0-9*_+-]+\?[BbQq]\?[!->@-~]*\?=")
_PLACEHOLDER = re.compile(rb"X-Sespan-Part: ([0-9a-f]{32})\r\n\r\n")


def makes_its_own_mime(message: EmailMessage) -> bool:
    """Whether the site's class, or this object, builds the MIME message itself."""
    base = EmailMultiAlternatives if isinstance(message, EmailMultiAlternatives) else EmailMessage
    return any(
        getattr(type(message), name, None) is not getattr(base, name, None) or name in vars(message)
        for name in OVERRIDES
    )


def copy_of(
    message: EmailMessage, *, lenient: bool = False, keyed: bool | None = None
) -> EmailMultiAlternatives:
    """Return a copy with harmless texts; `lenient` also takes what Django refuses to mail.

    `keyed`: built again it is to be the same bytes, as an idempotency key asks for.
    """
    keyed = _has_key(message) if keyed is None else keyed
    made = EmailMultiAlternatives(
        subject=harmless.subject(message.subject),
        body=_body(message.body or "", lenient),
        from_email=mailbox(message.from_email, lenient=lenient),
        headers=_headers(message),
    )
    for field in ("to", "cc", "bcc", "reply_to"):
        given = getattr(message, field)
        setattr(made, field, [mailbox(a, lenient=lenient) for a in given if a])
    made.content_subtype, made.encoding = message.content_subtype, message.encoding
    made.alternatives = [
        EmailAlternative(_body(content, lenient), mimetype)
        for content, mimetype in getattr(message, "alternatives", None) or ()
    ]
    made.attachments = [_attachment(a, keyed=keyed) for a in message.attachments]
    return made


def built_by_django(message: EmailMultiAlternatives, *, whole: bool = False) -> bytes:
    """Return the MIME message of a copy, which is used up.

    Unless it is to be `whole`, Date and Message-ID that Django invents are left to the
    service, and boundaries follow from the content: the same mail built again is the same
    bytes, as an idempotency key asks for.
    """
    carried: dict[bytes, bytes] = {}
    message.attachments = [_placeholder(a, carried) for a in message.attachments]
    message.extra_headers = structured.headers(message.extra_headers)
    made: Any = message.message()
    given = {name.lower() for name in message.extra_headers}
    for name in () if whole else ("Date", "Message-ID"):
        if name.lower() not in given:
            del made[name]
    leaves = [str(p.get_payload()) for p in made.walk() if not p.is_multipart()]
    for n, part in enumerate(_containers(made)):
        seed = "".join((f"{n} {made['Subject']}", *leaves)).encode(errors="replace")
        verbatim.set_boundary(part, b"".join((seed, *carried.values())))
    data = _flattened(verbatim.twin(made))
    return _PLACEHOLDER.sub(lambda found: carried.get(found[1], found[0]), data)


def built_by_site(message: EmailMessage) -> bytes:
    """Return the MIME message that the site's own class builds, as it is: it may be signed."""
    arguments = {"policy": policy.SMTP} if django.VERSION >= (6,) else {}
    made: Any = message.message(**arguments)
    if not isinstance(made, Message) or not _known(type(made).as_bytes):
        return bytes(made.as_bytes())
    return _flattened(verbatim.twin(made, signed="DKIM-Signature" in made))


def mailbox(address: Any, *, lenient: bool = False) -> str:
    """Return an address whose name can be sent."""
    text = harmless.line(address)
    name, angle, rest = text.rpartition("<")
    if angle and ("=?" in name or len(name) > harmless.NAME_LIMIT):
        return f"{_name(name)} <{rest}"
    local = _LOCAL.fullmatch(text) if lenient else None
    return f"{local[1] or ''}{local[2]}@localhost{local[3]}" if local else text


def _name(name: str) -> str:
    """Decode and shorten a display name and quote it; in a charset unknown here it stays."""
    name = unquote(name.strip())
    try:
        name = harmless.line(make_header(decode_header(name)))
    except (LookupError, ValueError, HeaderParseError):
        if all(map(_ENCODED_WORD.fullmatch, name.split())) and len(name) <= harmless.NAME_LIMIT:
            return name
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if len(quoted) > harmless.NAME_LIMIT - 2:
        quoted = harmless.cut(re.sub(r'[\\"]', "'", name), harmless.NAME_LIMIT - 2)
    return f'"{quoted}"'


def _headers(message: EmailMessage) -> dict[str, Any]:
    """Return harmless ones; what is no Message-ID is left out, so that the mail gets one."""
    headers = {str(n): _header(v) for n, v in message.extra_headers.items()}
    for name in [n for n in headers if n.lower() == "message-id"]:
        headers[name] = str(headers[name]).strip()
        if not structured.MESSAGE_ID.fullmatch(headers[name]):
            del headers[name]
    return headers


def _has_key(message: EmailMessage) -> bool:
    given = getattr(message, "sespan", None)
    return isinstance(given, Mapping) and bool(given.get("idempotency_key"))


def _header(value: Any) -> Any:
    return harmless.header(value) if isinstance(value, str | bytes | Promise) else value


def _body(content: Any, lenient: bool) -> Any:
    if isinstance(content, Message):
        return verbatim.twin(content)
    if not isinstance(content, str | Promise):
        return content
    return harmless.cut(harmless.text(content), BODY_LIMIT if lenient else sys.maxsize)


def _attachment(item: Any, *, keyed: bool) -> Any:
    """Return a MIME part as it is, anything else with its type and its content built."""
    if isinstance(item, Message):
        return item
    filename, content, mimetype = (*item, None)[:3]
    kind = kind_of(filename, mimetype)
    if isinstance(content, EmailMessage):
        content = _attached(content, keyed=keyed)
    elif isinstance(content, Message):
        content = verbatim.part_bytes(content)
    else:
        kind = fitting(kind, content)
    return EmailAttachment(harmless.filename(filename) if filename else None, content, kind)


def _attached(message: EmailMessage, *, keyed: bool) -> bytes:
    """Return a mail of Django's; Date and Message-ID of the moment are not the key's."""
    if makes_its_own_mime(message):
        return built_by_site(message)
    return built_by_django(copy_of(message, keyed=keyed), whole=not keyed)


def _placeholder(item: Any, carried: dict[bytes, bytes]) -> Any:
    """Return what Django puts into the message for an attachment."""
    if isinstance(item, Message):
        content = verbatim.part_bytes(item)
    elif item.mimetype.startswith(COMPOSITE):
        content = verbatim.composite(item.filename, _bytes(item.content), item.mimetype)
    elif not item.mimetype.startswith("text/"):
        return item._replace(content=_bytes(item.content))
    elif isinstance(item.content, bytes | bytearray | memoryview):
        content = verbatim.file(item.filename, bytes(item.content), item.mimetype)
    else:
        kind = without_charset(item.mimetype)
        return item._replace(content=harmless.text(item.content), mimetype=kind)
    token = secrets.token_hex(16)
    carried[token.encode()] = content
    made = MIMEPart() if django.VERSION >= (6,) else MIMEBase("text", "plain")
    for name in list(made):
        del made[name]
    made["X-Sespan-Part"] = token
    return made


def _bytes(content: Any) -> bytes:
    # force_bytes takes a bytearray for an object to be printed.
    return bytes(content) if isinstance(content, bytearray) else force_bytes(content)


def _flattened(made: Message[Any, Any]) -> bytes:
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False).flatten(made, linesep="\r\n")
    return out.getvalue()


def _known(as_bytes: Any) -> bool:
    """Whether it is Python's or Django's: anybody else's gives bytes that are not ours to make."""
    return str(as_bytes.__module__).startswith(("email.", "django.core.mail"))


def _containers(part: Any) -> Iterator[Any]:
    """Yield the multiparts that Django made, but not those of a mail in them."""
    if part.get_content_maintype() == "multipart":
        yield part
        for child in part.get_payload():
            yield from _containers(child)
