"""Characters that Django's own backend mails and that a queue or a mail server cannot take.

A mail is not refused for them: they become "\ufffd", a TAB in a header becomes a blank.
"""

from __future__ import annotations

import re
from email.header import Header
from typing import Any

from django.utils.encoding import force_str

SUBJECT_LIMIT = 10_000
"""Characters of a subject: what every mail server's limit for one header field has room for."""
NAME_LIMIT = 255
"""Characters of a person's name, bytes of a file's."""
LONGEST_EXTENSION = 20
"""Bytes of what is still taken for the extension of a file's name."""
WORD_LIMIT = 900
"""Bytes of a header's word that still fits into a line (RFC 5322 section 2.1.1)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text(value: Any) -> str:
    """Return a body."""
    return _paired(force_str(value)).replace("\x00", "\ufffd")


def line(value: Any) -> str:
    """Return the value of a header. Whoever forbids line ends does it before."""
    found = _paired(force_str(value))
    if found.isprintable():
        return found
    return _CONTROL.sub("\ufffd", re.sub(r"\r\n|[\t\r\n]", " ", found))


def subject(value: Any) -> str:
    """Return a subject."""
    return cut(line(value), SUBJECT_LIMIT)


def header(value: Any) -> str:
    """Return the value of a header that may be longer than a line: as encoded words (RFC 2047)."""
    found = line(value)
    if all(len(word.encode()) <= WORD_LIMIT for word in found.split()):
        return found
    return " ".join(Header(found, "utf-8").encode().split())


def filename(value: Any) -> str:
    """Return a file's name in at most NAME_LIMIT bytes; a long one keeps its extension."""
    found = line(value)
    if len(found.encode()) <= NAME_LIMIT:
        return found
    stem, dot, extension = found.rpartition(".")
    if not stem or len(extension.encode()) > LONGEST_EXTENSION:
        stem, dot, extension = found, "", ""
    room = NAME_LIMIT - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + extension


def cut(value: str, limit: int) -> str:
    """Return at most so many characters; the last one says that there were more."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _paired(value: str) -> str:
    """Join halves of surrogate pairs, read the bytes of `surrogateescape`, replace the others."""
    try:
        value.encode()
    except UnicodeEncodeError:
        try:
            return value.encode(errors="surrogateescape").decode(errors="replace")
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
