"""The media type of an attachment: one that can be sent, with a charset that fits its bytes."""

from __future__ import annotations

import codecs
import mimetypes
import re
from typing import Any

from django_sespan.mail.blobs import from_bytes

OCTET_STREAM = "application/octet-stream"
COMPOSITE = ("message/", "multipart/")
"""Types of parts that are made of others."""
LONGEST = 800
"""Characters, parameters and all."""

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_TYPE = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
_PARAMETER = re.compile(
    rf""";\s*({_WORD})\s*=\s*(?:({_WORD}|"[ !#-\[\]-~]*")|([!#-:<-\[\]-~]+))\s*(?=;|$)"""
)
_REST = re.compile(r';(?:[^;"]|"(?:[^"\\]|\\.)*"|")*')
_CHARSET = re.compile(r'; charset\*?=(?:"([^"]*)"|([^;]*))', re.IGNORECASE)


def kind_of(filename: Any, mimetype: Any) -> str:
    """Return the media type of a tuple, guessed where there is none.

    A parameter that cannot be written, or that stands there twice, is left out; what is no
    media type at all is a mere file.
    """
    given = str(mimetype or mimetypes.guess_type(str(filename or ""))[0] or OCTET_STREAM)
    head = _TYPE.match(given)
    if head is None or len(head[0]) > 2 * 127:
        return OCTET_STREAM
    kind, position, seen = f"{head[1]}/{head[2]}".lower(), head.end(), set[str]()
    while rest := _REST.match(given, position):
        found = _PARAMETER.match(given, position)
        position = rest.end()
        if found and found[1].lower() not in seen:
            seen.add(found[1].lower())
            written = f"; {found[1]}={found[2] or chr(34) + found[3] + chr(34)}"
            kind += written if len(kind + written) <= LONGEST else ""
    return kind


def fitting(kind: str, content: Any) -> str:
    """Return the type with a charset that the content is in; text becomes UTF-8.

    Bytes that are no text, or not in the charset that was named, are a mere file, as with
    Django's own `attach`.
    """
    if not kind.startswith("text/"):
        return kind
    bare = without_charset(kind)
    if not isinstance(content, bytes | bytearray | memoryview):
        return f"{bare}; charset=utf-8"
    named = _CHARSET.search(kind)
    if named and _reads(content, named[1] or named[2] or ""):
        return kind
    return f"{bare}; charset=utf-8" if _reads(content, "utf-8") else OCTET_STREAM


def without_charset(kind: str) -> str:
    """Return the type for a text that Django labels."""
    return _CHARSET.sub("", kind)


def _reads(content: Any, charset: str) -> bool:
    """Whether the bytes are text in the charset; they are read in pieces."""
    try:
        decoder = codecs.getincrementaldecoder(charset)()
        for piece in from_bytes(content):
            decoder.decode(bytes(piece))
        decoder.decode(b"", final=True)
    except (LookupError, ValueError, TypeError):
        return False
    return True
