"""What a mail may carry that is not the site's own text, and a picture of it to compare."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Mapping
from email.charset import Charset
from email.header import Header
from email.message import Message, MIMEPart
from email.mime.application import MIMEApplication
from email.mime.image import MIMEImage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

from django.core.mail import EmailAttachment, EmailMessage, EmailMultiAlternatives

FORWARDED = (
    b"Received: from a.example by b.example;\r\n\tMon, 02 Feb 2026 10:00:00 +0000\r\n"
    b"From:  Budi <budi@example.com> \r\n"
    b"Subject: " + b"a long line that nobody folds " * 5 + b"\r\n"
    b"X-8bit: gr\xc3\xbc\xc3\x9fe\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative;\r\n  boundary="inner=_b"\r\n\r\n'
    b"preamble  \r\n"
    b"--inner=_b\r\nContent-Type:text/plain; charset=utf-8\r\n\r\n"
    b"From here on\r\n.\r\n..dots\r\ntrailing blanks  \t\r\ngr\xc3\xbc\xc3\x9fe\r\n\r\n"
    b"--inner=_b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<p>=\r\nsoft</p>\r\n\r\n--inner=_b--\r\nepilogue\r\n\r\n\r\n"
)
"""A mail of somebody else's in which each byte could be mended by a helpful program."""

SIGNED = (
    b"This is a multi-part message\r\n"
    b"--s\r\nContent-Type: text/plain\r\n\r\nsigned text  \r\n--s\r\n"
    b"Content-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--s--\r\n"
)


def multipart(subtype: str = "mixed", **parameters: Any) -> MIMEMultipart:
    made = MIMEMultipart(subtype, **parameters)
    made.attach(MIMEText("first ü", "plain", "utf-8"))
    made.attach(MIMEApplication(b"\x00\x01", "x-thing"))
    made["X-Header"] = Header("grüße", "utf-8")
    return made


def modern(text: str = "modern ü") -> MIMEPart:
    made = MIMEPart(policy=email.policy.default)
    made.set_content(text)
    made["Content-Description"] = "a description that is longer than a line may be " * 3
    return made


def long_line() -> MIMEText:
    return MIMEText("one line of " + "x" * 3000)


def inline_image() -> MIMEImage:
    made = MIMEImage(b"\x89PNG", "png")
    made.add_header("Content-ID", "<logo>")
    return made


def nested() -> EmailMultiAlternatives:
    made = EmailMultiAlternatives("Nested", "text", "n@example.com", ["m@example.com"])
    made.attach_alternative("<p>html</p>", "text/html")
    made.attachments.append(multipart())
    made.attachments.append(EmailAttachment("deep.eml", FORWARDED, "message/rfc822"))
    return made


KINDS: dict[str, Callable[[], Any]] = {
    "text": lambda: EmailAttachment("a.txt", "grüße\n", "text/plain"),
    "bytes": lambda: EmailAttachment("a.pdf", b"%PDF\x00", "application/pdf"),
    "bytearray": lambda: EmailAttachment("a.bin", bytearray(b"abc"), "application/x-thing"),
    "memoryview": lambda: EmailAttachment("a.bin", memoryview(b"abc"), "application/x-thing"),
    "two": lambda: ("a.bin", b"\xff"),
    "three": lambda: (None, "no name", "text/plain"),
    "MIMEText": lambda: MIMEText("grüße", "plain", "utf-8"),
    "MIMEImage": inline_image,
    "MIMEMultipart": multipart,
    "signed": lambda: multipart("signed", boundary="s", protocol="application/x"),
    "MIMEMessage": lambda: MIMEMessage(email.message_from_bytes(FORWARDED)),
    "MIMEPart": modern,
    "long line": long_line,
    "rfc822 bytes": lambda: EmailAttachment("a.eml", FORWARDED, "message/rfc822"),
    "rfc822 text": lambda: EmailAttachment("a.eml", "Subject: x\n\nü", "message/rfc822"),
    "rfc822 parsed": lambda: EmailAttachment(
        "a.eml", email.message_from_bytes(FORWARDED), "message/rfc822"
    ),
    "rfc822 parsed, modern": lambda: EmailAttachment(
        "a.eml",
        email.message_from_bytes(FORWARDED, policy=email.policy.default),
        "message/rfc822",
    ),
    "rfc822 built": lambda: EmailAttachment("a.eml", multipart(), "message/rfc822"),
    "rfc822 of Django": lambda: EmailAttachment("a.eml", nested(), "message/rfc822"),
    "multipart bytes": lambda: EmailAttachment(
        "a.p7m", SIGNED, 'multipart/signed; boundary="s"; protocol="application/pkcs7-signature"'
    ),
    "multipart without boundary": lambda: EmailAttachment("a", SIGNED, "multipart/signed"),
}
"""Attachments of every kind, each made anew."""


def mail_with(*attachments: Any, raw: bool = False, cls: type = EmailMultiAlternatives) -> Any:
    """Return a mail; `raw` asks for more than the parameters of `mail_enqueue` can say."""
    made = cls("Subject", "text", "shop@example.com", ["a@example.com"])
    made.attachments.extend(attachments)
    if raw:
        made.reply_to.extend(["b@example.com", "c@example.com"])
    return made


def picture(value: Any) -> Any:
    """Return all that the value consists of, in a form that compares and does not change."""
    if isinstance(value, memoryview | bytearray):
        return type(value), bytes(value)
    if isinstance(value, Message | EmailMessage | Charset | Header):
        parts = {k: v for k, v in vars(value).items() if k not in {"sespan_id", "policy"}}
        return type(value), picture({k: v for k, v in parts.items() if "connection" not in k})
    if isinstance(value, Mapping):
        return type(value), [(k, picture(v)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [picture(v) for v in value]
    return value
