"""A mail that goes two ways to the same mail server, and what its recipient reads of each.

Through Django's SMTP backend, and through the queue: bridge, SQL checks, composer, worker.
"""

from __future__ import annotations

import email.policy
import itertools
import unicodedata
from email.message import EmailMessage as Parsed

import django
from django.core import mail
from django.core.mail.backends.smtp import EmailBackend as DjangosBackend
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from django_sespan._internal.address import domain
from django_sespan.mail import EmailBackend

journey = hypothesis_settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # each try of a smaller one would wait for its mail
    suppress_health_check=list(HealthCheck),
)
numbers = itertools.count()


def point_both_here(stack, settings):
    """Give the site two backends to the same server."""
    if django.VERSION < (6, 1):
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", stack.sink.port
        return
    settings.MAILERS = {
        "default": {"BACKEND": "django_sespan.mail.EmailBackend"},
        "django": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": stack.sink.port},
        },
    }


def backend(own):
    if django.VERSION < (6, 1):
        return EmailBackend() if own else DjangosBackend()
    return mail.mailers["default" if own else "django"]


def way(own):
    """Arguments of Django's own functions."""
    if django.VERSION < (6, 1):
        return {"connection": backend(own)}
    return {"using": "default" if own else "django"}


def plain(text):
    """Leave out what nobody sees: blanks, and what stands for characters that cannot be sent."""
    text = unicodedata.normalize("NFC", str(text or ""))
    return "".join(
        c
        for c in text
        if not (c.isspace() or c == "\ufffd" or unicodedata.category(c) in {"Cc", "Cs"})
    )


def people(message, name):
    """Names and addresses of a header, read as one of addresses whatever it is called."""
    header = email.policy.default.header_factory("To", str(raw_header(message, name)))
    found = []
    for one in header.addresses:
        try:
            host = domain(one.domain)
        except ValueError:
            host = one.domain
        found.append((plain(one.display_name), f"{one.username}@{host}"))
    return found


def raw_header(message, name):
    """Unfold a header without reading it."""
    for key, value in message.raw_items():
        if key.lower() == name.lower():
            return "".join(str(value).splitlines())
    return ""


ADDRESSES = ("From", "To", "Cc", "Reply-To", "Sender", "Resent-To", "Disposition-Notification-To")


def reading(received):
    """What somebody reads: people, subject, other headers, and each part as it is shown."""
    message = received.message
    return {
        "people": {name: people(message, name) or None for name in ADDRESSES},
        "subject": plain(message["Subject"]),
        "headers": {
            name: plain(message[name]) for name in ("X-Note", "X-SMTPAPI", "List-Id", "References")
        },
        "parts": [part_of(part) for part in message.walk() if not part.is_multipart()],
    }


def part_of(part: Parsed):
    content = part.get_payload(decode=True) or b""
    kind, named = part.get_content_type(), part.get_filename()
    if kind.startswith("text/"):
        content = as_text(part, content)
    disposition = part["Content-Disposition"]
    parameters = {
        key: value for key, value in part["Content-Type"].params.items() if key not in IGNORED
    }
    return {
        "kind": kind,
        "parameters": parameters,
        "content": content,
        "filename": plain(named),
        "shown": disposition.content_disposition if disposition and disposition.params else None,
        "id": str(part["Content-ID"] or "").strip(),
    }


IGNORED = {"charset", "boundary", "name"}
"""Parameters of a type that say how it is written, or again how it is called."""


def as_text(part, content):
    charset = part.get_content_charset() or "utf-8"
    text = content.decode(charset, "replace")
    return plain(text.replace("\r\n", "\n"))
